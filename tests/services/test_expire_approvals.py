"""Closing what nobody answered in time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from govflow.approval import RequestState
from govflow.audit.record import Draft
from govflow.services.decide_approvals import list_requests
from govflow.services.expire_approvals import expire_approvals
from tests.services.material import NOON, request, workspace


@pytest.mark.covers("S5-65")
def test_a_question_is_closed_when_its_time_is_over_and_not_before(tmp_path: Path) -> None:
    opened = workspace(database_url=f"sqlite:///{tmp_path}/gov.db")
    asked = request()
    opened.store.approvals.open(asked, Draft("ir.approval_created", "default", NOON))
    assert expire_approvals(opened, asked.expires_at - timedelta(seconds=1)) == []
    assert [one.request_id for one in expire_approvals(opened, asked.expires_at)] == ["req-1"]
    assert expire_approvals(opened, asked.expires_at) == [], "once"
    assert [one.state for one in list_requests(opened, None)] == [RequestState.EXPIRED]
    assert [entry.seq for entry in opened.store.tail("default", 10, event="ir.approval_expired")] == [1]
    opened.close()
