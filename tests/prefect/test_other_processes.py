"""Tasks in other processes: the same results as bare, each attempt decided and recorded once, in the same log."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cloudpickle
import pytest

from govflow.errors import PermitExpired, PermitInvalid, PermitMissing, PermitRevoked, Unbound, Unplanned
from govflow.permits.keys import to_set
from govflow.permits.models import Permit
from govflow.permits.token import mint
from govflow.policy import load_policy
from govflow.prefect.remote import LEASES
from govflow.prefect.runtime import RUNTIME
from govflow.services.permits import fetch_permit, revoke_permits
from govflow.services.signing_keys import signing_key, trusted_keys
from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_log import steps_by_process
from tests.prefect.one_text import same_everywhere
from tests.prefect.sent import SENT, arrived

KINDS = """
    import asyncio, os, time
    from {room} import flow, task
    from prefect.task_runners import ProcessPoolTaskRunner

    @task
    def pid():
        return os.getpid()

    @task
    def add(x, y=1):
        return x + y

    @task
    async def wait(x):
        await asyncio.sleep(0)
        return x * 2

    @task(retries=2)
    def flaky(path):
        with open(path, "a") as f:
            f.write("x")
        if os.path.getsize(path) < 3:
            raise ValueError("not yet")
        return os.path.getsize(path)

    @task
    def inner(x):
        return x + 100

    @task
    def outer(x):
        return inner(x) + inner(x)

    @flow
    def child(x):
        return add(x, 5)

    @task
    def calls_flow(x):
        return child(x)

    @task(timeout_seconds=0.2)
    def slow():
        time.sleep(5)

    @task(persist_result=True, cache_key_fn=lambda *_: "one-for-all-{mark}", result_storage_key="kept-{mark}")
    def kept(x):
        return x

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def everything(path):
        elsewhere = pid.submit().result() != os.getpid()
        direct = add(1)
        submitted = add.submit(direct, y=2).result()
        mapped = add.map([1, 2, 3]).result()
        waited = wait.submit(4).result()
        retried = flaky.submit(path).result()
        nested = outer.submit(1).result()
        from_flow = calls_flow.submit(1).result()
        first = kept.submit(1).result()
        late, again = slow.submit(), kept.submit(2)
        late.wait()
        again.wait()
        answers = [elsewhere, direct, submitted, mapped, waited, retried, nested, from_flow, first]
        return [*answers, again.result(), late.state.name, again.state.name]
"""

EXPECTED = [True, 2, 4, [2, 3, 4], 8, 3, 202, 6, 1, 1, "TimedOut", "Cached"]


def steps(home: Home, event: str) -> dict[str, int]:
    return dict(Counter(str(body["step_id"]) for body in home.events() if body["event"] == event))


@pytest.fixture(autouse=True)
def _server(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes hear of the server by their environment; Prefect's settings reach them in part."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_process_pool_runs_as_bare_and_every_attempt_is_recorded_once(home: Home, mode: str) -> None:
    home.configure(policy=POLICY, mode=mode)
    text = KINDS.format(room="govflow.prefect", mark=home.path.parent.name + home.path.name)
    assert home.load(text).everything(str(home.path / "count")) == EXPECTED
    once = {
        *("everything", "child", "child/add#1"),
        *(f"everything/{name}#1" for name in ("pid", "add", "wait", "outer", "calls_flow", "slow", "kept")),
        *("everything/add#2", "everything/outer#1/inner#1", "everything/outer#1/inner#2"),
        "everything/calls_flow#1/child#1",
    }
    intents = steps(home, "step.intent")
    assert intents == {**dict.fromkeys(once, 1), "everything/add#3": 3, "everything/flaky#1": 3}
    assert steps(home, "step.outcome") == intents
    assert steps(home, "step.refused") == {}
    closed = [body["payload"] for body in home.events() if body["event"] == "run.closed"]
    assert len(closed) == 2 and not any(payload["missing"] for payload in closed)
    wrote = steps_by_process()
    assert len(wrote) >= 2 and wrote.keys() - {os.getpid()}, "the workers have written their own"
    assert wrote.total() == 2 * sum(intents.values())


SENDING = """
    from govflow.prefect import flow, task
    from tests.prefect.sent import SendingTaskRunner

    def note(where):
        with open(where, "a") as file:
            file.write("ran ")

    @task
    def once(where):
        note(where)

    @task
    def many(where):
        note(where)

    @flow(task_runner=SendingTaskRunner())
    def sends(where):
        once.submit(where).wait()
        many.map([where, where]).wait()
"""


@dataclass
class Sent:
    """A flow that ran, with what it sent, and how to send it again as its worker would get it."""

    home: Home
    run_id: str
    once: bytes
    many: bytes

    @property
    def ran(self) -> int:
        return len((self.home.path / "ran").read_text().split())

    def give_back(self) -> None:
        """Put the permit back that the flow's end took away, as it stood while the flow ran."""
        database = sqlite3.connect(self.home.path / "govflow.db")
        with database:
            database.execute("INSERT OR IGNORE INTO permit_token SELECT * FROM kept_token")
        database.close()

    def sql(self, statement: str, *values: object) -> None:
        database = sqlite3.connect(self.home.path / "govflow.db")
        with database:
            database.execute(statement, values)
        database.close()

    def refused(self, data: bytes | None = None, **how: Any) -> BaseException:
        """Send it again: no body runs, and the error that says why."""
        RUNTIME.reload()  # another process has read nothing yet
        LEASES.clear()
        before = self.ran
        state = arrived(data or self.many, again=True, **how)
        assert self.ran == before
        error = state.result(raise_on_failure=False)
        assert isinstance(error, BaseException), state
        return error


@pytest.fixture
def sent(home: Home) -> Sent:
    home.configure(policy=POLICY, mode="enforce")
    module = home.load(SENDING)
    SENT.clear()
    LEASES.clear()
    home.store().close()  # the tables are there
    database = sqlite3.connect(home.path / "govflow.db")
    with database:
        database.execute("CREATE TABLE kept_token AS SELECT * FROM permit_token")
        database.execute(
            "CREATE TRIGGER keep AFTER INSERT ON permit_token BEGIN INSERT INTO kept_token"
            " SELECT * FROM permit_token WHERE jti = NEW.jti; END"
        )
    database.close()
    assert module.sends(str(home.path / "ran"), return_state=True).is_completed()
    run_id = next(body["run_id"] for body in home.events() if body["event"] == "run.closed")
    found = Sent(home, run_id, SENT[0], SENT[1])
    assert found.ran == 3
    found.give_back()
    return found


def test_what_was_sent_runs_under_its_permit_and_a_step_that_is_planned_once_does_not_run_twice(sent: Sent) -> None:
    key = sent.home.path / "not here"
    sent.home.configure(signing_key=str(key))  # a worker has no private key, and makes none
    assert arrived(sent.many, again=True).is_completed()
    assert sent.ran == 4
    assert isinstance(sent.refused(sent.once), Unplanned)
    assert not key.exists()


def test_a_run_that_has_ended_runs_nowhere(sent: Sent) -> None:
    sent.sql("DELETE FROM permit_token")
    error = sent.refused()
    assert isinstance(error, PermitExpired)
    assert "has ended" in error.message


def test_the_permit_of_another_run(sent: Sent) -> None:
    module = sys.modules["project_flow"]
    module.sends(str(sent.home.path / "elsewhere"))
    sent.sql(
        "UPDATE permit_token SET token = (SELECT token FROM kept_token WHERE run_id != ?) WHERE run_id = ?",
        *(sent.run_id, sent.run_id),
    )
    error = sent.refused()
    assert isinstance(error, PermitInvalid)
    assert error.details["cause"] == "other-run"


def _signed_anew(sent: Sent, **changes: Any) -> None:
    """A permit of this run with other contents, signed with the true key."""
    workspace = RUNTIME.workspace()
    permit = fetch_permit(workspace, sent.run_id)
    fields = {name: getattr(permit, name) for name in type(permit).model_fields}
    token = mint(Permit(**{**fields, **changes}), signing_key(workspace, datetime.now(UTC)))
    sent.sql("UPDATE permit_token SET token = ?", token)


def test_a_permit_that_is_over(sent: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    _signed_anew(sent, issued_at=now - timedelta(hours=1), expires_at=now - timedelta(seconds=1))
    error = sent.refused()
    assert isinstance(error, PermitExpired)
    same_everywhere(sent.run_id, error, capsys, in_state=False)


def test_a_permit_for_other_steps(sent: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    permit = fetch_permit(RUNTIME.workspace(), sent.run_id)
    other = {"step_hash": "sha256:" + "0" * 64}
    steps = {name: step.model_copy(update=other) for name, step in permit.steps.items()}
    _signed_anew(sent, steps=steps)
    error = sent.refused()
    assert isinstance(error, PermitInvalid)
    assert error.details["cause"] == "step"
    same_everywhere(sent.run_id, error, capsys, in_state=False)


def test_a_plan_that_somebody_changed(sent: Sent) -> None:
    sent.sql("UPDATE run_manifest SET document = replace(document, 'many', 'much')")
    error = sent.refused()
    assert isinstance(error, PermitInvalid)
    assert error.details["cause"] == "manifest"


def test_a_database_that_somebody_put_in_its_place(sent: Sent) -> None:
    """It bears itself out: its own key signs. The keys that the worker was given do not know it."""
    keys = sent.home.path / "keys.json"
    keys.write_text(to_set(trusted_keys(RUNTIME.workspace()).values()))
    keys.chmod(0o600)
    sent.home.configure(signing_key=str(sent.home.path / "other" / "signing.pem"))
    _signed_anew(sent)
    LEASES.clear()
    assert arrived(sent.many, again=True).is_completed(), "without keys of its own a worker believes the database"
    sent.home.configure(permit_keys=str(keys))
    error = sent.refused()
    assert isinstance(error, PermitInvalid)
    assert error.details["cause"] == "key"


def test_a_worker_with_another_policy(sent: Sent) -> None:
    sent.home.configure(policy=POLICY.replace("gte: 2", "gte: 3"))
    error = sent.refused()
    assert isinstance(error, PermitInvalid)
    assert error.details["cause"] == "policy"


def test_a_worker_that_lives_on_reads_the_policy_that_it_is_asked_to_run_under(sent: Sent) -> None:
    file = sent.home.path / "policy.yaml"
    decided_by = file.read_text()
    sent.home.configure(policy=POLICY.replace("gte: 2", "gte: 3"))
    LEASES.clear()
    assert RUNTIME.for_run().document.digest != load_policy(decided_by, "policy.yaml").digest
    sent.give_back()
    file.write_text(decided_by)
    assert arrived(sent.many, again=True).is_completed()


@pytest.mark.covers("S4-26")
def test_a_run_that_is_going_on_at_a_worker_keeps_its_policy_and_no_other_begins(sent: Sent) -> None:
    sent.give_back()
    assert arrived(sent.many, again=True).is_completed()
    (sent.home.path / "policy.yaml").write_text(POLICY.replace("gte: 2", "gte: 3"))
    RUNTIME.for_run()  # another run opens here, and reads it
    assert arrived(sent.many, again=True).is_completed()
    LEASES.clear()
    error = arrived(sent.many, again=True).result(raise_on_failure=False)
    assert isinstance(error, PermitInvalid)
    assert error.details["cause"] == "policy"


def test_a_worker_that_was_told_nothing_runs_nothing_of_an_enforced_run(sent: Sent) -> None:
    sent.home.configure(mode="observe", database_url=f"sqlite:///{sent.home.path / 'other.db'}")
    assert isinstance(sent.refused(), PermitMissing)


def test_permits_that_were_revoked_stop_a_worker_when_it_looks_again(
    sent: Sent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert arrived(sent.many, again=True).is_completed()
    assert sent.ran == 4
    revoke_permits(RUNTIME.workspace(), sent.run_id, "stop it")
    lease = LEASES.get(sent.run_id)
    assert lease is not None
    lease.tolerate(seconds=-1)
    lease.permit = lease.permit and lease.permit.model_copy(update={"expires_at": datetime.now(UTC)})
    state = arrived(sent.many, again=True)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, PermitRevoked)
    same_everywhere(sent.run_id, error, capsys, in_state=False)
    assert sent.ran == 4


def test_a_body_and_a_helper_that_are_not_the_planned_code(sent: Sent) -> None:
    task = cloudpickle.loads(sent.many)["task"]

    def other(where: str) -> None:
        with open(where, "a") as file:
            file.write("other ")

    task.fn.fn.__code__ = other.__code__
    assert isinstance(sent.refused(task=task), Unbound)
    task = cloudpickle.loads(sent.many)["task"]
    task.fn.fn.__globals__["note"].__code__ = other.__code__
    assert isinstance(sent.refused(task=task), Unbound)
