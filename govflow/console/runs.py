"""Pages of governed runs: the list, and of one how it stands, what stopped it, and what the log holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from govflow.console.access import Here, Who
from govflow.console.live import Seen
from govflow.console.pages import render
from govflow.console.receipt_file import receipt_file
from govflow.services.describe.run_explanations import details, standing
from govflow.services.explain_run import explain_run
from govflow.services.list_runs import list_runs
from govflow.services.make_receipt import is_sealed
from govflow.services.run_receipt import RunReceipt

router = APIRouter(include_in_schema=False)

PAGE = 50  # rows

Text = Annotated[str, Query(max_length=300)]
RunId = Annotated[str, Path(max_length=200)]


@router.get("/runs", name="runs")
def runs(request: Request, signed_in: Who, workspace: Here, seen: Seen, flow: Text = "", before: Text = "") -> Response:
    """Runs, newest first."""
    return render(
        request,
        "runs.html",
        signed_in=signed_in,
        section="runs",
        page=list_runs(workspace, before=before or None, flow=flow.strip() or None, limit=PAGE),
        flow=flow,
        kept={"flow": flow} if flow else {},
        before=before,
        first=not before,
        seen=seen,
    )


@router.get("/runs/{run_id:path}/receipt", name="receipt")
def receipt(run_id: RunId, signed_in: Who, workspace: Here) -> Response:
    """The receipt of a run, to be kept as a file."""
    return receipt_file(workspace, run_id, signed_in.principal.name)


# After the receipt: a path of any length would take its address too.
@router.get("/runs/{run_id:path}", name="run")
def run(request: Request, run_id: RunId, signed_in: Who, workspace: Here, seen: Seen) -> Response:
    """One run."""
    found = explain_run(workspace, run_id)
    return render(
        request,
        "run.html",
        signed_in=signed_in,
        section="runs",
        receipt=found.receipt,
        sealed=is_sealed(workspace, found.receipt.last),
        facts=tuple(_facts(found.receipt).items()),
        standing=standing(found),
        stops=[(stop, details(stop)) for stop in found.stops],
        seen=seen,
    )


def _facts(receipt: RunReceipt) -> dict[str, str]:
    return {
        "run": receipt.run_id,
        "asked by": f"{receipt.requester} ({receipt.assurance})" if receipt.assurance else receipt.requester,
        "mode": receipt.mode,
        "environment": receipt.environment,
        "opened": receipt.opened_at,
        "closed": receipt.closed_at,
        "attempts": str(receipt.attempts) if receipt.attempts > 1 else "",
        "its flow raised": receipt.failed,
        "ir hash": receipt.ir_hash,
        "plan": receipt.plan_hash,
        "policy": receipt.policy_digest,
    }
