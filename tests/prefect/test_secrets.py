"""Law 5: no secret leaves its place. Canaries are put where secrets are, and looked for everywhere else."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from uuid import UUID, uuid4

import httpx
import prefect.main  # noqa: F401 - it sets logging up, once: later it would take pytest's handler away
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from pydantic import SecretStr

from govflow.approval.models import ApprovalRequest
from govflow.cli.app import main
from govflow.settings import load_settings
from govflow.telemetry import configure
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, pending, token, until

SOURCE = """
from pathlib import Path
from pydantic import SecretStr
from govflow.prefect import flow, task

@task(action="data:delete", provider="postgres", resource="table://{table}")
def purge(table: str, password: SecretStr, fails_with: str) -> str:
    if fails_with:
        raise ConnectionError(Path(fails_with).read_text())
    return "purged with " + str(len(password.get_secret_value()))

@flow
def clean(password: SecretStr, fails_with: str = "") -> str:
    return purge("flights", password, fails_with)
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def canary() -> str:
    return f"canary-{uuid4().hex}"


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture, home: Home) -> Iterator[pytest.LogCaptureFixture]:
    """All that govflow and the engine log, down to details; govflow's own handler writes to stderr as well."""
    for name in ("govflow", "prefect.flow_runs", "prefect.task_runs"):
        caplog.set_level(logging.DEBUG, logger=name)
    configure(load_settings(debug=True, log_format="json"))
    govflow = logging.getLogger("govflow")
    govflow.propagate = True  # so that pytest's handler sees the records too
    yield caplog
    govflow.handlers.clear()


def _files(home: Home) -> dict[str, bytes]:
    """What govflow keeps on disk: the database with its log, the spool, the lock file."""
    kept = [
        path for path in home.path.rglob("*") if path.is_file() and "govflow.db" in str(path.relative_to(home.path))
    ]
    assert kept
    return {str(path.relative_to(home.path)): path.read_bytes() for path in kept}


def _api(server: str, run_id: str) -> dict[str, str]:
    """What Prefect's API tells of a run: the run, its states, tasks, artifacts, inputs, events and logs."""
    of_run = {"flow_runs": {"id": {"any_": [run_id]}}}
    related = {"any_resource": {"id": [f"prefect.flow-run.{run_id}", f"govflow.run.{run_id}"]}}
    asked = {
        "flow_runs/filter": of_run,
        "task_runs/filter": of_run,
        "artifacts/filter": {"artifacts": {"flow_run_id": {"any_": [run_id]}}},
        f"flow_runs/{run_id}/input/filter": {"prefix": ""},
        "logs/filter": {"logs": {"flow_run_id": {"any_": [run_id]}}},
        "events/filter": {"filter": related, "limit": 50},
    }
    told = {path: httpx.post(f"{server}/{path}", json=body).raise_for_status().text for path, body in asked.items()}
    told["states"] = httpx.get(f"{server}/flow_run_states/", params={"flow_run_id": run_id}).raise_for_status().text
    for task_run in json.loads(told["task_runs/filter"]):
        found = httpx.get(f"{server}/task_run_states/", params={"task_run_id": task_run["id"]}).raise_for_status()
        told[f"states of {task_run['name']}"] = found.text
    return told


def _terminal(*words: str) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        main(list(words))
    return out.getvalue()


def _commands(request: ApprovalRequest) -> dict[str, str]:
    """What the command line shows, in every form."""
    shown = {}
    for form in ("text", "json"):
        for words in (
            ["approvals", "list", "--state", "all"],
            ["approvals", "show", request.request_id],
            ["audit", "tail"],
        ):
            shown[f"{' '.join(words)} {form}"] = _terminal(*words, "--format", form)
    shown["approvals show md"] = _terminal("approvals", "show", request.request_id, "--format", "md")
    assert all(shown.values())
    return shown


def _assert_absent(secret: str, places: dict[str, str] | dict[str, bytes]) -> None:
    assert len(places) > 0
    found = [name for name, held in places.items() if (secret.encode() if isinstance(held, bytes) else secret) in held]  # type: ignore[operator] # both are of one kind
    assert found == []


@pytest.mark.covers("S4-33", "S5-24")
def test_a_secret_parameter_and_a_token_are_found_nowhere(
    home: Home,
    client: SyncPrefectClient,
    prefect_server: str,
    canary: str,
    logs: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    home.configure(policy=POLICY)
    with home.store() as store:
        run = Background(home.load(SOURCE).clean, SecretStr(canary))
        (request,) = pending(store)
        run_id = request.binding.run_id
        secrets = [token(store, request, name) for name in ("bob", "carol")]
        _paused(client, run_id)
        waiting = {**_api(prefect_server, run_id), **_commands(request)}
        client.resume_flow_run(
            UUID(run_id), run_input={"token": secrets[0][:-1] + "?", "decision": "approve", "reason": "a"}
        )
        until(lambda: "refused" in (_paused(client, run_id) or ""), "the wrong token is refused")
        client.resume_flow_run(UUID(run_id), run_input={"token": secrets[1], "decision": "approve", "reason": "fine"})
        assert run.join() == f"purged with {len(canary)}"
    until(lambda: "ir.approval_consumed" in _api(prefect_server, run_id)["events/filter"], "the events")
    captured = capfd.readouterr()
    everywhere = {
        **{f"waiting: {name}": text for name, text in waiting.items()},
        **_api(prefect_server, run_id),
        **_commands(request),
        "standard output": captured.out,
        "standard error": captured.err,
        "logs": logs.text,
    }
    # Where a parameter that is no secret can be seen, the search can see.
    for place in ("waiting: artifacts/filter", "waiting: states", f"approvals show {request.request_id} json"):
        assert "flights" in everywhere[place]
    assert "Finished in state" in logs.text
    for secret in (canary, *secrets, secrets[0][:-1] + "?"):
        _assert_absent(secret, everywhere)
        _assert_absent(secret, _files(home))
    assert secrets[1].startswith("gfa_")
    digests = [sha256(secret.encode()).hexdigest().encode() for secret in secrets]
    assert all(any(digest in held for held in _files(home).values()) for digest in digests), "at rest: a digest"


def _paused(client: SyncPrefectClient, run_id: str) -> str:
    """The message of the run, once it is paused."""

    def look() -> str | None:
        state = client.read_flow_run(UUID(run_id)).state
        return state.message if state is not None and state.is_paused() else None

    return str(until(look, "the run is paused"))


ALLOW_ALL = """\
version: 1
policy:
  name: allow-all
  rules:
    - {name: all, effect: allow, actions: ["*"]}
"""


def test_the_text_of_an_exception_does_not_reach_govflow(
    home: Home,
    client: SyncPrefectClient,
    prefect_server: str,
    canary: str,
    logs: pytest.LogCaptureFixture,
) -> None:
    # Prefect itself puts the text of an exception into its states and its log; govflow keeps the type alone.
    secret_file = home.write("elsewhere/secret.txt", f"cannot reach postgresql://etl:{canary}@db/sales")
    home.configure(policy=ALLOW_ALL)
    with pytest.raises(ConnectionError, match=canary):
        home.load(SOURCE).clean(SecretStr("s"), str(secret_file))
    outcomes = [body for body in home.events() if body["event"] == "step.outcome"]
    assert {body["payload"]["error"] for body in outcomes} == {"ConnectionError"}
    _assert_absent(canary, _files(home))
    run_id = outcomes[0]["run_id"]
    ours = [record.getMessage() for record in logs.records if record.name.startswith("govflow")]
    _assert_absent(
        canary,
        {
            "artifacts": _api(prefect_server, run_id)["artifacts/filter"],
            "audit tail": _terminal("audit", "tail", "--format", "json"),
            "logs of govflow": "\n".join(ours),
        },
    )


def test_the_password_of_a_database_url_is_shown_by_no_command_and_no_refused_run(
    home: Home, client: SyncPrefectClient, canary: str, logs: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://govflow:{canary}@127.0.0.1:1/govflow"
    home.configure(database_url=url, mode="enforce")
    shown = {
        " ".join(words): _terminal(*words)
        for words in (["doctor"], ["doctor", "--format", "json"], ["approvals", "list"], ["audit", "verify"])
    }
    state = home.load(SOURCE).clean(SecretStr("s"), return_state=True)
    assert state.is_failed()
    run_id = str(state.state_details.flow_run_id)
    env = {**os.environ, "GOVFLOW_DEBUG": "1"}
    debugged = subprocess.run(
        [sys.executable, "-m", "govflow.cli", "approvals", "list"], env=env, capture_output=True, text=True, check=False
    )
    assert debugged.returncode == 2
    assert "Traceback" in debugged.stderr
    _assert_absent(
        canary, {**shown, "state": str(state.message), "debug": debugged.stdout + debugged.stderr, "logs": logs.text}
    )
    assert all(shown.values())
    assert client.read_flow_run(UUID(run_id)).state is not None
