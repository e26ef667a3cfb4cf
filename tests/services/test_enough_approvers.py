"""A request that nobody could ever approve is refused before anybody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.approval import ApprovalRule
from govflow.errors import Denied
from govflow.identity import PrincipalKind
from govflow.services.enough_approvers import lacking, lacking_in_file, need_enough
from govflow.services.workspace import Workspace
from govflow.store.people import KnownPrincipal
from tests.services.material import request, workspace

POLICY = """
version: 1
policy: {name: mine}
principals:
  alice: {roles: [owner]}
  bob: {roles: [owner], groups: [leads]}
"""
TWO_OWNERS = ApprovalRule(name="two", required=2, approvers=("role:owner",))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    made = workspace(policy=tmp_path / "policy.yaml", database_url=f"sqlite:///{tmp_path}/govflow.db")
    yield made
    made.close()


def add(opened: Workspace, name: str, *roles: str) -> None:
    now = datetime.now(UTC)
    opened.store.people.add(
        KnownPrincipal("default", name, PrincipalKind.PERSON, roles, (), None, None, None, True, now, "alice")
    )


def test_too_few_people_without_the_requester_are_refused(opened: Workspace) -> None:
    with pytest.raises(Denied, match="besides the requester alice") as refused:
        need_enough(opened, request(rule=TWO_OWNERS))
    assert refused.value.details["cause"] == "nobody-can-approve"
    assert "approvals.two" in refused.value.mend


def test_people_of_the_store_count_as_those_of_the_file(opened: Workspace) -> None:
    add(opened, "carol", "owner")
    need_enough(opened, request(rule=TWO_OWNERS))
    with pytest.raises(Denied, match="the owner Carol"):
        need_enough(opened, request(rule=TWO_OWNERS, owners=("Carol",)))
    opened.store.people.deactivate("default", "carol", "alice", datetime.now(UTC))
    with pytest.raises(Denied):
        need_enough(opened, request(rule=TWO_OWNERS))


def test_groups_of_the_file_are_judged(opened: Workspace) -> None:
    leads = ApprovalRule(name="leads", approvers=("group:leads",))
    need_enough(opened, request(rule=leads))
    with pytest.raises(Denied):
        need_enough(opened, request(rule=leads, requester="bob"))


def test_anyone_is_always_enough(opened: Workspace) -> None:
    need_enough(opened, request(rule=ApprovalRule(name="any", required=50)))


def test_where_people_sign_in_elsewhere_only_names_are_counted(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    provider = {"issuer": "https://id.example.org", "client_id": "govflow"}
    made = workspace(policy=tmp_path / "policy.yaml", database_url=f"sqlite:///{tmp_path}/govflow.db", oidc=provider)
    need_enough(made, request(rule=TWO_OWNERS))
    with pytest.raises(Denied):
        need_enough(made, request(rule=ApprovalRule(name="one", approvers=("user:alice",))))
    made.close()


def test_people_of_the_store_are_enough_for_a_rule_that_the_file_alone_cannot_meet(opened: Workspace) -> None:
    three = ApprovalRule(name="three", required=3, approvers=("role:owner",))
    opened.approvals = {"three": three, "two": TWO_OWNERS}
    assert "people of" in (lacking_in_file(opened, three) or "")
    assert not opened.is_open, "what knows the file alone opens no database"
    assert list(lacking(opened)) == ["three"]
    add(opened, "dora", "owner")
    assert lacking(opened) == {}
    opened.store.people.deactivate("default", "dora", "root", datetime.now(UTC))
    assert list(lacking(opened)) == ["three"]
