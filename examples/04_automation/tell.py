"""What the automation runs: here it writes a line; it could open a ticket, or page somebody."""

from __future__ import annotations

from pathlib import Path

from prefect import flow


@flow(name="tell-approvers")
def tell(request_id: str, flow_name: str, rule: str) -> None:
    """Say that somebody is asked."""
    with Path("told.txt").open("a", encoding="utf-8") as file:
        file.write(f"{request_id} {flow_name} waits: rule {rule}\n")


if __name__ == "__main__":
    tell.serve(name="on-question")  # type: ignore[unused-coroutine, unused-ignore] # it is sync where it is called
