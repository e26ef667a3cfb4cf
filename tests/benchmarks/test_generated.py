"""What the benchmarks read is what they say: flows that do things, in any number."""

from __future__ import annotations

from pathlib import Path

from benchmarks.generated_project import project
from govflow.ir.models import StepKind
from govflow.services.scan_repository import scan_repository
from govflow.services.scan_summary import summarise
from tests.services.material import workspace


def test_a_generated_project_is_read_whole(tmp_path: Path) -> None:
    project(tmp_path, 6)
    found = scan_repository(workspace(environment="production"), [str(tmp_path)], tmp_path)
    assert [flow.plan.function for flow in found.flows] == [f"table_{n}" for n in range(6)]
    summary = summarise(found)
    assert not found.unread
    assert (summary.unresolved, summary.blind) == (0, 0)
    assert {count.key for count in summary.answers} >= {"deletes", "data", "files", "sends"}
    assert [flow.name for flow in found.flows for step in flow.plan.steps if step.kind is StepKind.SUBFLOW] == [
        "flows/group_0/table_4.py:table_4"
    ]
