"""What decisions stand on, and how a policy that cannot be used is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from govflow.errors import PolicyError, RequestError, SettingsError
from govflow.identity import Assurance
from govflow.ir.models import Tier
from tests.services.material import assessed, plan, workspace

POLICY = """
version: 1
policy:
  name: mine
  default: deny
  rules:
    - {name: all, effect: require_approval, actions: ["*"], approval: owner}
approvals:
  owner: {required: 1, approvers: ["role:owner"], ttl_seconds: 60}
principals:
  bob: {roles: [owner]}
actions: ["crm:merge"]
tiers:
  - name: crm-is-high
    tier: 3
    reason: merging customers cannot be undone
    when: {action: {in: ["crm:merge"]}}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_without_a_policy_the_starter_policy_holds() -> None:
    opened = workspace()
    assert opened.mode == "observe"
    assert opened.document.policy.name == "starter"
    assert not opened.explicit
    assert opened.approvals["two-approvers"].required == 2


def test_enforce_without_a_policy_uses_the_starter_policy_too() -> None:
    opened = workspace(mode="enforce")
    assert opened.mode == opened.ground.mode == "enforce"
    assert str(assessed(plan(), mode="enforce").verdict) == "escalate"


def test_the_starter_policy_takes_the_time_to_live_of_the_setting(policy: Path) -> None:
    assert workspace(approval_ttl_seconds=60).approvals["one-approver"].ttl_seconds == 60
    assert workspace(approval_ttl_seconds=99, policy=policy).approvals["owner"].ttl_seconds == 60


def test_a_policy_file_brings_rules_people_words_and_tiers(policy: Path) -> None:
    opened = workspace(policy=policy)
    assert opened.mode == "enforce"
    assert opened.engine.digest == opened.document.digest
    assert opened.as_policy_says("bob").roles == ("owner",)
    assert opened.as_policy_says("eve").roles == ()
    assert "crm:merge" in opened.vocabulary.actions
    assert opened.tiers.digest != workspace().tiers.digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 2\n" + POLICY.replace("version: 1\n", ""), "version"),
        ("version: 1\npolicy: {name: x, rulez: []}\n", "rulez"),
        ("version: [\n", "policy.yaml"),
        (POLICY.replace("approval: owner", "approval: onwer"), "onwer"),
        (POLICY.replace("ttl_seconds: 60", "ttl_seconds: 0"), "ttl_seconds"),
        (POLICY.replace('actions: ["*"]', 'actions: ["data:wrte"]'), "data:wrte"),
        (POLICY.replace("when: {action", "wenn: {action"), "wenn"),
    ],
)
def test_a_broken_policy_file_is_refused_and_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        workspace(policy=path)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.mend


def test_a_policy_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """It never falls back to the starter policy: the user meant another one."""
    with pytest.raises(PolicyError, match=r"there is no such policy file"):
        workspace(policy=tmp_path / "policy.yaml")


@pytest.mark.parametrize("name", ["policy.py", "policy.json", "policy"])
def test_a_policy_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("raise SystemExit(0)")
    with pytest.raises(PolicyError, match="YAML"):
        workspace(policy=tmp_path / name)


def test_a_policy_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="cannot be read"):
        workspace(policy=tmp_path / "policy.yaml")


@pytest.mark.timeout(240)
def test_a_pipe_or_device_for_a_policy_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe without a writer would hold the run for ever, a device would fill its memory."""
    os.mkfifo(tmp_path / "policy.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("policy.yaml", "zero.yaml"):
        with pytest.raises(PolicyError, match="cannot be read: it is not a regular file") as caught:
            workspace(policy=tmp_path / name)
        assert str(tmp_path / name) in caught.value.message


def test_a_folder_for_a_policy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").mkdir()
    with pytest.raises(PolicyError, match="cannot be read"):
        workspace(policy=tmp_path / "policy.yaml")


def test_a_step_that_names_no_rule_asks_two_at_tier_three() -> None:
    opened = workspace(approval_ttl_seconds=120)
    assert opened.approval_rule(None, Tier.HIGH).required == 2
    assert opened.approval_rule(None, Tier.MEDIUM).required == 1
    assert opened.approval_rule(None, Tier.MEDIUM).ttl_seconds == 120


def test_an_approval_rule_that_is_not_there_is_refused(policy: Path) -> None:
    """Nobody could answer, so nothing may be asked."""
    with pytest.raises(PolicyError, match=r"approvals\.boss.*there are: owner"):
        workspace(policy=policy).approval_rule("boss", Tier.LOW)


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "a\nb", "x" * 200, "<script>"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="no name of a person"):
        workspace().as_policy_says(name)


def test_the_requester_is_the_setting_else_the_user_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workspace(principal="alice").requester().name == "alice"
    monkeypatch.setenv("LOGNAME", "DOMAIN\\some user")
    requester = workspace().requester()
    assert requester.name == "DOMAIN-some-user"
    assert requester.assurance is Assurance.CLAIMED


def test_a_principal_setting_that_is_no_name_is_refused() -> None:
    with pytest.raises(SettingsError, match="principal"):
        workspace(principal="a b").requester()


def test_opening_a_workspace_creates_nothing(tmp_path: Path) -> None:
    workspace(database_url=f"sqlite:///{tmp_path}/gov/gov.db")
    assert list(tmp_path.iterdir()) == []
