"""REST: governed runs and what the log holds of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from govflow.console.api_access import PREFIX, Asker, Here
from govflow.console.api_errors import ApiRoute, problems
from govflow.console.api_models import (
    NEWEST,
    ApprovalAnswer,
    FindingAnswer,
    ListedRunAnswer,
    ReceiptAnswer,
    RunAnswer,
    Runs,
    StepAnswer,
    StopAnswer,
)
from govflow.console.receipt_file import receipt_file
from govflow.services.describe.run_explanations import standing
from govflow.services.explain_run import explain_run
from govflow.services.list_runs import PLACE, list_runs
from govflow.services.run_receipt import Approval

router: Final = APIRouter(prefix=f"{PREFIX}/runs", tags=["runs"], route_class=ApiRoute)


@router.get("", summary="List runs", responses=problems())
def runs(
    _who: Asker,
    here: Here,
    flow: Annotated[str | None, Query(max_length=500, description="Of this flow only, by its whole name.")] = None,
    before: Annotated[str | None, Query(pattern=PLACE, description=NEWEST)] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Rows of the page.")] = 50,
) -> Runs:
    """A page of governed runs, newest first."""
    page = list_runs(here, before=before, flow=flow, limit=limit)
    rows = tuple(ListedRunAnswer(**asdict(row.run), end=row.end.value) for row in page.runs)
    return Runs(runs=rows, next=page.next)


RunId = Annotated[str, Path(description="Of the run.", max_length=200)]


@router.get(
    "/{run_id:path}/receipt",
    summary="Download the receipt of a run",
    response_model=ReceiptAnswer,
    response_description="The file, to be kept as it is.",
    responses=problems(404, 409),
)
def receipt(run_id: RunId, who: Asker, here: Here) -> Response:
    """One signed file, verified with the log's public key only; there is one once a checkpoint covers the whole run."""
    return receipt_file(here, run_id, who.principal.name)


# After the receipt: a path of any length would take its address too.
@router.get("/{run_id:path}", summary="Show a run", responses=problems(404))
def run(run_id: RunId, _who: Asker, here: Here) -> RunAnswer:
    """How it was opened and ended, what stopped it, its steps with their decisions, who approved, what does not fit."""
    found = explain_run(here, run_id)
    receipt = found.receipt
    told: dict[str, Any] = {name: getattr(receipt, name) for name in RunAnswer.model_fields if hasattr(receipt, name)}
    told["standing"] = standing(found)
    told["stops"] = tuple(StopAnswer(**asdict(stop)) for stop in found.stops)
    told["end"] = receipt.end.value
    told["steps"] = tuple(StepAnswer(**{**asdict(step), "requests": tuple(step.requests)}) for step in receipt.steps)
    told["approvals"] = tuple(map(_approval, receipt.approvals))
    told["findings"] = tuple(FindingAnswer(code=one.code, words=one.words) for one in receipt.findings)
    return RunAnswer(**told)


def _approval(one: Approval) -> ApprovalAnswer:
    asked = one.request
    return ApprovalAnswer(
        request_id=asked.request_id,
        step_id=asked.binding.step_id,
        state=asked.state,
        why=one.why,
        requester=asked.requester,
        created_at=asked.created_at,
        votes=one.votes,
    )
