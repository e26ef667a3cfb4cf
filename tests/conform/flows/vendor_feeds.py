"""Load vendor feeds; one bad feed must not stop the others, so states are inspected."""

from prefect import flow, task
from prefect.states import Completed


@task
def load_feed(vendor: str):
    if vendor == "broken-co":
        raise ValueError(f"{vendor}: header missing")
    return {"vendor": vendor, "rows": len(vendor) * 2}


@task
def quarantine(vendor: str, reason: str):
    return {"vendor": vendor, "reason": reason}


@task
def notify(text: str):
    return {"sent": text}


@flow
def load_vendors(vendors: list[str] = ["acme", "broken-co", "globex"]):
    loaded, failed = [], []
    for vendor in vendors:
        state = load_feed(vendor, return_state=True)
        if state.is_completed():
            loaded.append(state.result())
        else:
            error = state.result(raise_on_failure=False)
            failed.append(quarantine(vendor, reason=str(error)))

    late = load_feed.submit("initech", return_state=True)
    if late.is_completed():
        loaded.append(late.result())

    if failed:
        notify(f"{len(failed)} feeds in quarantine: {failed[0]['vendor']}")
    return Completed(message=f"{len(loaded)} feeds loaded")


if __name__ == "__main__":
    load_vendors()
