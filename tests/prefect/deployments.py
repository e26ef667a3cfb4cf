"""A project with guarded deployments, a real ``prefect deploy`` for it, and a real process worker."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Scheduled

from govflow.prefect.runtime import RUNTIME
from govflow.services.lock_plans import approve_plans, plan_approvals
from govflow.services.plan_flows import read_flows
from govflow.services.store_port import StorePort

ROOT = Path(__file__).resolve().parents[2]

FLOW = """\
from pathlib import Path
from govflow.prefect import flow, task
{top}

@task(action="data:read", provider="postgres", resource="dataset://acme/orders")
def read(day: str) -> int:
    return 41


@flow(name="{name}")
def nightly(day: str = "today") -> None:
    rows = read(day)
    Path({ran!r}).write_text(str(rows))
"""

# Importing this leaves a trace that nobody who reads the source is told of.
TRACE = """
import os
os.environ.setdefault("X", "1")
_seen = getattr(__import__("pathlib"), "Path")({trace!r})
getattr(_seen, "write_" + "text")("imported")
"""

PREFECT_YAML = """\
name: acme
deployments:
- name: guarded
  entrypoint: flows/etl.py:nightly
  version: "{{{{ verify.version }}}}"
  tags: "{{{{ verify.tags }}}}"
  work_pool: {{name: {pool}}}
  build:
  - govflow.prefect.steps.verify: {{id: verify, entrypoint: "flows/etl.py:nightly"}}
  pull:
  - prefect.deployments.steps.set_working_directory: {{directory: {folder}}}
  - govflow.prefect.steps.guard: {guard}
"""


@dataclass
class Project:
    """A repository with one flow, its governance database, and a work pool of its own."""

    folder: Path
    api_url: str
    pool: str
    flow: str
    settings: dict[str, str]

    @property
    def trace(self) -> Path:
        """There once the flow's module was imported."""
        return self.folder / "imported"

    @property
    def ran(self) -> Path:
        """There once the flow has run."""
        return self.folder / "ran"

    @property
    def source(self) -> Path:
        return self.folder / "flows" / "etl.py"

    def given(self) -> dict[str, str]:
        """The settings by name."""
        return {name.removeprefix("GOVFLOW_").lower(): value for name, value in self.settings.items()}

    def write(self, *, guard: str = "{{plan_hash: '{{{{ verify.plan_hash }}}}'}}", top: str = "") -> None:
        """The flow and its ``prefect.yaml``; ``top`` goes to the top of the module."""
        self.source.parent.mkdir(exist_ok=True)
        trace = TRACE.format(trace=str(self.trace))
        self.source.write_text(FLOW.format(top=trace + top, name=self.flow, ran=str(self.ran)))
        text = PREFECT_YAML.format(pool=self.pool, folder=self.folder, guard=guard.format())
        (self.folder / "prefect.yaml").write_text(text)

    def edit(self, old: str, new: str) -> None:
        text = self.source.read_text()
        assert old in text
        self.source.write_text(text.replace(old, new))

    def python(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """A process in the folder, with the settings of the project."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GOVFLOW_", "PREFECT_"))
        }
        environment |= {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_HOME": str(self.folder / ".prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
        }
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=environment | self.settings | extra,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def govflow(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "govflow.cli", *words, **extra)

    def approve_plan(self, name: str = "bob") -> None:
        done = self.govflow("lock", "flows/etl.py", "--approve", "--as", name, "--yes")
        assert done.returncode == 0, done.stdout + done.stderr

    def deploy(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The deployment, by Prefect's own command."""
        return self.python("-m", "prefect", "--no-prompt", "deploy", "--all", *words)

    def deployment(self) -> DeploymentResponse:
        with get_client(sync_client=True) as client:
            return client.read_deployment_by_name(f"{self.flow}/guarded")

    def start(self, parameters: Mapping[str, Any] | None = None) -> UUID:
        """Ask for a run."""
        with get_client(sync_client=True) as client:
            run = client.create_flow_run_from_deployment(self.deployment().id, parameters=dict(parameters or {}))
            return run.id

    def work(self) -> str:
        """A worker takes what is due and ends; what it printed."""
        done = self.python("-m", "prefect", "worker", "start", "--pool", self.pool, "--type", "process", "--run-once")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run_of(self, run_id: UUID) -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run_id)

    def state(self, run_id: UUID) -> State[Any]:
        found = self.run_of(run_id).state
        assert found is not None
        return found

    def force_scheduled(self, run_id: UUID) -> None:
        """What anybody with access to the API can do to a suspended run."""
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run_id, Scheduled(), force=True)

    def resume(self, run_id: UUID, answer: Mapping[str, Any] | None = None) -> str:
        """Press Resume, with what is typed into the form."""
        with get_client(sync_client=True) as client:
            return str(client.resume_flow_run(run_id, dict(answer or {}) or None).status.value)


def make_project(folder: Path, api_url: str, policy: str | None = None, **settings: str) -> Project:
    """A project in ``folder``, and its work pool in the server."""
    mark = uuid4().hex[:8]
    given = {
        "GOVFLOW_DATABASE_URL": f"sqlite:///{folder / 'govflow.db'}",
        "GOVFLOW_PRINCIPAL": "alice",
        "GOVFLOW_SIGNING_KEY": str(folder / "keys" / "signing.pem"),
    }
    if policy is not None:
        (folder / "policy.yaml").write_text(textwrap.dedent(policy))
        given["GOVFLOW_POLICY"] = str(folder / "policy.yaml")
    given |= {f"GOVFLOW_{name.upper()}": value for name, value in settings.items()}
    project = Project(folder, api_url, f"pool-{mark}", f"nightly-{mark}", given)
    (folder / "pyproject.toml").write_text("[project]\nname = 'acme'\n")
    project.write()
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=project.pool, type="process"))
    return project


def approve_file(file: Path, name: str = "bob") -> str:
    """Have somebody approve the one flow of a file, in this process's own governance database; the plan's hash."""
    workspace = RUNTIME.workspace()
    reading = read_flows([str(file)], file.parent, workspace.vocabulary)
    approvals = plan_approvals(workspace, reading.flows)
    approve_plans(workspace, approvals, workspace.principal(name), StorePort(workspace).now())
    return approvals[0].plan_hash
