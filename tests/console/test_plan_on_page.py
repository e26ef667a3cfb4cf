"""The plan behind a request: drawn, as a table, and against the plan that was approved before it."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from govflow.audit.record import Draft
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.ir.models import Plan
from govflow.services.workspace import Workspace
from tests.console.conftest import Ask, Visit
from tests.services.material import plan


def approve(place: Workspace, a_plan: Plan) -> str:
    now, hashed = datetime.now(UTC), plan_hash(a_plan)
    draft = Draft("plan.approved", "acme", now)
    place.store.plans.approve("acme", plan_key(a_plan), a_plan, hashed, "bob", now, draft)
    return hashed


def test_the_plan_is_drawn_told_and_compared(place: Workspace, ask: Ask, visit: Visit) -> None:
    whole = plan()
    kept = whole.steps[:-1]
    ids = {step.step_id for step in kept}
    edges = tuple(edge for edge in whole.edges if edge.source in ids and edge.target in ids)
    approve(place, whole.model_copy(update={"steps": kept, "edges": edges}))
    asked = whole.steps[-1].step_id
    said = {"action": "data:delete", "resource": "dataset://acme/sales", "plan_hash": approve(place, whole)}
    ask(summary=said, at={"step_id": asked})
    bob = visit("bob")
    page = bob.get("/requests/req-1").text
    assert "approved by bob" in page
    assert all(step.step_id in page for step in whole.steps), "the table says what the picture shows"
    assert "asked for here" in page
    assert '<span class="plus">' in page, "what is new against the earlier plan"
    picture = bob.get("/requests/req-1/plan.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "script-src" not in picture.headers["content-security-policy"], "a picture runs nothing"
    assert ElementTree.fromstring(picture.text).tag.endswith("svg")
    assert "/requests/req-1/plan.svg" in page


def test_a_plan_that_is_not_kept_is_not_drawn(ask: Ask, visit: Visit) -> None:
    ask()
    bob = visit("bob")
    assert "The plan" not in bob.get("/requests/req-1").text
    assert bob.get("/requests/req-1/plan.svg").status_code == 404
