"""A run waits; its process, Prefect's server and the console are killed and come back, in whatever order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from govflow.approval.models import RequestState
from govflow.store import Store
from tests.ports import free_port
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import PATIENCE, pending, token, until
from tests.prefect_server import start_server

FLOW = """
import sys
from pathlib import Path
from govflow.prefect import flow, task

@task(action="data:delete", resource="table://flights")
def purge(marker: str) -> str:
    with open(marker, "a") as file:
        file.write("ran\\n")
    return "purged"

@flow
def clean(marker: str) -> str:
    return purge(marker)

if __name__ == "__main__":
    from uuid import UUID
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(UUID(sys.argv[1]))
    run_flow(clean, flow_run=flow_run, parameters={"marker": sys.argv[2]})
"""

CONSOLE = """
import sys
import uvicorn
from govflow.console.app import create_app
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings

uvicorn.run(create_app(open_workspace(load_settings())), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


class Cast:
    """The three processes, each of which can be killed and started again."""

    def __init__(self, home: Home, marker: Path) -> None:
        self.home, self.marker = home, marker
        self.prefect = home.path / "server"
        self.prefect.mkdir()
        self.ports = {"server": free_port(), "console": free_port()}
        self.api = f"http://127.0.0.1:{self.ports['server']}/api"
        self.run_id: UUID | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        if name == "server":
            self.processes[name] = start_server(self.prefect, self.ports["server"])
            return
        file, arguments = {
            "flow": ("kept_flow.py", [str(self.run_id), str(self.marker)]),
            "console": ("console_app.py", [str(self.ports["console"])]),
        }[name]
        env = {
            **os.environ,
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.home.path / "prefect"),
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }
        with (self.home.path / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, file, *arguments], cwd=self.home.path, env=env, stdout=log, stderr=subprocess.STDOUT
            )
        if name == "console":
            until(lambda: self.get("/sign-in") is not None, "the console answers")

    def get(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports['console']}{path}", timeout=60)
        except httpx.HTTPError:
            return None

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def cast(home: Home, tmp_path: Path) -> Iterator[Cast]:
    found = Cast(home, tmp_path / "marker")
    url = f"http://127.0.0.1:{found.ports['console']}"
    home.configure(policy=POLICY, mode="enforce", console_url=url)
    home.write("kept_flow.py", FLOW)
    home.write("console_app.py", CONSOLE)
    with ExitStack() as held:
        held.callback(found.end)
        found.start("server")
        held.enter_context(temporary_settings(updates={PREFECT_API_URL: found.api}))
        module = home.load(FLOW, "kept_module")
        with get_client(sync_client=True) as client:
            found.run_id = client.create_flow_run(module.clean, parameters={"marker": "x"}).id
        yield found


@pytest.mark.covers("S5-64")
@pytest.mark.parametrize(
    ("killed", "started"),
    [
        (("flow", "server", "console"), ("flow", "console", "server")),
        (("console", "server", "flow"), ("server", "console", "flow")),
        (("flow", "server", "console"), ("flow", "server", "console")),
        (("server", "flow", "console"), ("console", "flow", "server")),
        (("console", "flow", "server"), ("console", "server", "flow")),
        (("flow", "console", "server"), ("server", "flow", "console")),
        (("server", "console"), ("console", "server")),  # the flow's process waits on, through all of it
    ],
)
def test_killed_and_started_in_any_order_the_approval_survives_and_the_run_goes_on(
    cast: Cast, home: Home, killed: tuple[str, ...], started: tuple[str, ...]
) -> None:
    cast.start("console")
    cast.start("flow")
    with home.store() as store:
        (request,) = pending(store)
        _paused(cast)
        secret = token(store, request, "bob")
        for name in killed:
            cast.kill(name)
        assert store.approvals.get(request.request_id).state is RequestState.PENDING
        for name in started:
            cast.start(name)
            if name == "flow" and "server" in started[started.index(name) :]:
                # Without its server it does not begin at all, as any flow of Prefect, and nothing of it is on record.
                assert cast.processes["flow"].wait(timeout=150) != 0
                assert not cast.marker.exists()
                assert pending(store) == [store.approvals.get(request.request_id)]
        if "flow" in started and cast.processes["flow"].poll() is not None:
            cast.start("flow")
        assert not cast.marker.exists()
        said = httpx.post(
            f"http://127.0.0.1:{cast.ports['console']}/api/v1/requests/{request.request_id}/answers",
            json={"token": secret, "decision": "approve", "reason": "looked"},
            timeout=PATIENCE,
        )
        assert said.status_code == 200, said.text
        assert cast.processes["flow"].wait(timeout=PATIENCE) == 0, (home.path / "flow.log").read_text()
        assert cast.marker.read_text() == "ran\n"
        assert store.approvals.get(request.request_id).state is RequestState.EXERCISED
        assert len(store.approvals.of_step("default", str(cast.run_id), request.binding.step_id)) == 1
        _once(store, request.request_id)


def _paused(cast: Cast) -> None:
    assert cast.run_id is not None
    run_id = cast.run_id
    with get_client(sync_client=True) as client:
        until(lambda: (s := client.read_flow_run(run_id).state) and s.is_paused(), "paused")


def _once(store: Store, request_id: str) -> None:
    (vote,) = store.approvals.votes(request_id)
    assert vote.principal == "bob"
    assert store.approvals.outcome_of(request_id) == "succeeded"
