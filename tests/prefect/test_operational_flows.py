"""The flows in flows/: loaded as Prefect loads them, run governed, deployed from the root prefect.yaml."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.flows import load_flow_from_entrypoint
from pydantic import SecretStr

from govflow.approval.models import ApprovalRequest, Binding, RequestState
from govflow.approval.requests import open_request
from govflow.approval.rules import rule_from
from govflow.audit.record import Draft
from govflow.audit.verify import Outcome
from govflow.errors import Denied
from govflow.ir.models import Tier
from govflow.prefect import GovernedFlow
from govflow.prefect.blocks import GovernanceStore
from govflow.services.seal_log import held_checkpoint, verifier_keys
from govflow.services.verify_audit import verify_log, worst
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from govflow.store import Store
from tests.prefect.conftest import Home
from tests.prefect.deployments import approve_file
from tests.prefect.feed import feed
from tests.prefect.people import until
from tests.services.receiver import Receiver, http_receiver

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "ab" * 32
DECLARED: Sequence[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def _load(name: str) -> Any:
    """The flow of a declared deployment, as a worker loads it."""
    (declared,) = (one for one in DECLARED if one["name"] == name)
    loaded: Any = load_flow_from_entrypoint(f"{ROOT}/{declared['entrypoint']}")
    assert isinstance(loaded, GovernedFlow)
    return loaded


def _ask(store: Store, asked: datetime, tenant: str = "default") -> ApprovalRequest:
    """A request that was asked at some time, for an hour, by a run that is gone."""
    run_id = str(uuid4())
    request = open_request(
        request_id=uuid4().hex,
        binding=Binding(
            tenant=tenant,
            flow="gone",
            run_id=run_id,
            step_id="gone/purge#1",
            ir_hash=DIGEST,
            policy_digest=DIGEST,
            parameters_digest=DIGEST,
        ),
        rule=rule_from("one", {"required": 1, "approvers": ["*"], "ttl_seconds": 3600}),
        requester="alice",
        tier=Tier.HIGH,
        policy_rule="ask",
        reason="purge does data:delete",
        summary={},
        now=asked,
    )
    return store.approvals.open(request, Draft("ir.approval_created", tenant, asked, run_id=run_id))


def test_every_declared_deployment_names_a_governed_flow_that_loads() -> None:
    assert DECLARED
    for declared in DECLARED:
        assert _load(declared["name"]).name == declared["name"]
        assert declared["description"]
        assert declared["schedules"]


@pytest.mark.covers("D-14")
def test_every_declared_deployment_is_verified_and_guarded() -> None:
    for declared in DECLARED:
        (verify,) = (step["govflow.prefect.steps.verify"] for step in declared["build"])
        assert verify["entrypoint"] == declared["entrypoint"]
        assert declared["pull"][-1]["govflow.prefect.steps.guard"]["plan_hash"] == "{{ verify.plan_hash }}"
        assert (declared["version"], declared["tags"]) == ("{{ verify.version }}", "{{ verify.tags }}")


def test_requests_whose_time_is_over_are_closed_though_nothing_else_runs(home: Home, prefect_server: str) -> None:
    home.configure(mode="enforce")
    now = datetime.now(UTC)
    with home.store() as store:
        due, foreign = _ask(store, now - timedelta(hours=2)), _ask(store, now - timedelta(hours=2), "acme")
        open_still = _ask(store, now)
        closed = _load("expire-approvals")()
        assert set(closed) == {due.request_id, foreign.request_id}
        states = [store.approvals.get(request.request_id).state for request in (due, foreign, open_still)]
        assert states == [RequestState.EXPIRED, RequestState.EXPIRED, RequestState.PENDING]
    (expired,) = (body for body in home.events() if body["event"] == "ir.approval_expired")
    assert expired["run_id"] == due.binding.run_id
    assert expired["severity"] == "warning"
    run_ids = (due.binding.run_id, foreign.binding.run_id)
    heard = until(lambda: (found := feed(prefect_server, run_ids)) and len(found) == 2 and found, "both events")
    assert {event["event"] for event in heard} == {"ir.approval_expired"}
    assert {event["payload"]["meta"]["tenant_id"] for event in heard} == {"default", "acme"}


def test_the_sweep_is_itself_a_governed_run(home: Home) -> None:
    home.configure(mode="enforce")
    assert _load("expire-approvals")() == []
    (verdict,) = (body for body in home.events() if body["event"] == "ir.validated_pass")
    assert (verdict["payload"]["tier"], verdict["payload"]["mode"]) == (1, "enforce")
    intents = [body["step_id"] for body in home.events(verdict["run_id"]) if body["event"] == "step.intent"]
    assert "expire/expire_due#1" in intents


def test_a_block_says_which_store_is_swept(home: Home) -> None:
    other = f"sqlite:///{home.path / 'other.db'}"
    name = f"sweep-{uuid4().hex[:8]}"
    GovernanceStore(database_url=SecretStr(other)).save(name)
    now = datetime.now(UTC)
    with home.store() as here, Store.open(other) as there:
        spared, due = _ask(here, now - timedelta(hours=2)), _ask(there, now - timedelta(hours=2))
        assert _load("expire-approvals")(block=name) == [due.request_id]
        assert here.approvals.get(spared.request_id).state is RequestState.PENDING


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with http_receiver() as receiver:
        monkeypatch.setenv("GOVFLOW_NOTIFY", f"ops={receiver.url()}")
        yield receiver


def test_approvers_are_told_without_any_live_run_and_led_to_prefect(
    home: Home, prefect_server: str, told: Receiver
) -> None:
    home.configure(mode="enforce")
    with home.store() as store:
        waits = _ask(store, datetime.now(UTC))
    assert _load("notify-approvers")()["sent"] == 1
    assert _load("notify-approvers")()["sent"] == 0
    (message,) = told.arrived
    page = f"{prefect_server.removesuffix('/api')}/runs/flow-run/{waits.binding.run_id}"
    assert f"Read and answer it: {page}" in message["message"]


def test_a_notification_block_of_the_server_sends(home: Home, told: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"told-{uuid4().hex[:8]}"
    CustomWebhookNotificationBlock(
        name="told",
        url=f"http://127.0.0.1:{told.port}/hooks/s3cr3t",
        method="POST",
        json_data={"title": "{{subject}}", "message": "{{body}}"},
    ).save(name)
    monkeypatch.setenv("GOVFLOW_NOTIFY", f"ops=block:custom-webhook/{name} gone=block:custom-webhook/nowhere")
    home.configure(mode="enforce")
    with home.store() as store:
        waits = _ask(store, datetime.now(UTC))
    done = _load("notify-approvers")()
    assert (done["sent"], done["failed"]) == (1, 1)
    assert told.arrived[0]["title"] == "Approval needed: gone/purge#1, tier 3"
    (failed,) = (body for body in home.events(waits.binding.run_id) if body["event"] == "notification.failed")
    assert failed["payload"]["error"] == "Prefect's server has no block 'custom-webhook/nowhere'."


def test_the_log_is_sealed_and_an_auditor_holds_it_to_the_note(home: Home) -> None:
    home.configure(mode="enforce")
    first = _load("seal-checkpoints")()
    second = _load("seal-checkpoints")()
    assert 0 < first["size"] < second["size"]  # the first run's own end is under the second
    with closing(open_workspace(load_settings())) as workspace:
        sealed = [one.note for one in workspace.store.seals.last("default")]
        assert len(sealed) == 4, "the end of each of the two runs makes one more by itself"
        assert (sealed[1], sealed[3]) == (second["note"], first["note"])
        keys = verifier_keys(workspace)
    held = held_checkpoint(first["note"], keys)
    assert held.size == first["size"]
    assert worst(verify_log(load_settings(), held=held)) is Outcome.VERIFIED


def test_a_block_says_which_log_is_sealed(home: Home) -> None:
    home.configure(mode="enforce")
    other = f"sqlite:///{home.path / 'sealed.db'}"
    name = f"seal-{uuid4().hex[:8]}"
    GovernanceStore(database_url=SecretStr(other)).save(name)
    sealed = _load("seal-checkpoints")(block=name)
    with home.store() as here, Store.open(other) as there:
        assert here.seals.newest("default") != there.seals.newest("default"), "the end of the run is sealed where it is"
        newest = there.seals.newest("default")
        assert newest is not None and newest.note == sealed["note"]


def test_old_records_go_and_what_is_left_verifies(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.configure(mode="observe")
    assert _load("enforce-retention")() == 0, "nothing says how long records are kept"
    monkeypatch.setenv("GOVFLOW_RETENTION_DAYS", "90")
    then = datetime.now(UTC) - timedelta(days=100)
    other = f"sqlite:///{home.path / 'aged.db'}"
    name = f"aged-{uuid4().hex[:8]}"
    GovernanceStore(database_url=SecretStr(other)).save(name)
    with Store.open(other) as aged:
        for number in range(600):
            aged.append(Draft("settings.changed", "default", then, payload={"n": number}), durable=False)
        aged.flush()
        assert _load("enforce-retention")(block=name) == 0, "no checkpoint covers them"
        _load("seal-checkpoints")(block=name)
        assert _load("enforce-retention")(block=name) == 512
        verdict = aged.verify("default")
        assert verdict.outcome is Outcome.VERIFIED
        assert "Records 0 to 511 are not there" in verdict.words
        (said,) = aged.tail("default", 1, event="log.pruned")
        assert b"older than 90 days (flow enforce-retention)" in said.body
    decided = [body for body in home.events() if body["event"].startswith("ir.validated_")][-1]
    assert decided["payload"]["tier"] == 2, "people are asked where policy asks for approval of tier 2"


FLOWS_ONLY = """\
version: 1
policy:
  name: flows-only
  rules:
    - {name: flows, effect: allow, actions: ["flow:execute"]}
"""


def test_a_policy_that_forbids_the_sweep_stops_it(home: Home) -> None:
    home.configure(policy=FLOWS_ONLY)
    with home.store() as store:
        due = _ask(store, datetime.now(UTC) - timedelta(hours=2))
        with pytest.raises(Denied, match="approval:expire"):
            _load("expire-approvals")()
        assert store.approvals.get(due.request_id).state is RequestState.PENDING


def _prefect(home: Home, prefect_server: str, *arguments: str) -> str:
    """Prefect's own command, in the root of the project."""
    env = {
        **os.environ,
        "PREFECT_API_URL": prefect_server,
        "PREFECT_HOME": str(home.path / "prefect"),
        "GOVFLOW_MODE": "enforce",
    }
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def deployed(home: Home, prefect_server: str, client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    """`prefect deploy --all`, on a server that has the work pool."""
    client.create_work_pool(WorkPoolCreate(name="govflow", type="process"), overwrite=True)
    home.configure(mode="enforce")
    for declared in DECLARED:
        approve_file(ROOT / declared["entrypoint"].partition(":")[0])
    _prefect(home, prefect_server, "deploy", "--all")
    deployment = client.read_deployment_by_name("expire-approvals/expire-approvals")
    yield deployment
    client.delete_deployment(deployment.id)


def test_prefect_deploys_what_the_file_declares_and_a_worker_runs_it(
    home: Home, prefect_server: str, client: SyncPrefectClient, deployed: DeploymentResponse
) -> None:
    assert deployed.entrypoint == "flows/expire_approvals.py:expire"
    assert deployed.work_pool_name == "govflow"
    assert deployed.version is not None and deployed.version.startswith("plan-")
    assert f"govflow:{deployed.version}" in deployed.tags
    (scheduled,) = deployed.schedules
    assert scheduled.active
    assert scheduled.schedule.interval == timedelta(seconds=60)  # type: ignore[union-attr] # the file says: interval
    assert deployed.parameter_openapi_schema is not None
    assert deployed.parameter_openapi_schema["properties"]["block"]["default"] == ""

    client.pause_deployment(deployed.id)  # one run is enough here
    with home.store() as store:
        due = _ask(store, datetime.now(UTC) - timedelta(hours=2))
        run = client.create_flow_run_from_deployment(deployed.id)
        _prefect(
            home, prefect_server, "worker", "start", "--pool", "govflow", "--run-once", "--install-policy", "never"
        )
        state = client.read_flow_run(run.id).state
        assert state is not None and state.is_completed(), state
        assert store.approvals.get(due.request_id).state is RequestState.EXPIRED
