"""Deployments as an engine's server has them, as a file holds them, and as our log remembers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from govflow.audit.body import parse_body
from govflow.audit.record import Draft
from govflow.errors import RequestError
from govflow.services.regular_file import read_regular
from govflow.services.store_port import StorePort
from govflow.services.verify_deployment import marks
from govflow.services.workspace import Workspace

GUARD: Final = "govflow.prefect.steps.guard"
_MOST: Final = 100_000  # records of registrations that are looked through


@dataclass(frozen=True, slots=True)
class Registered:
    """A deployment as the server has it."""

    id: str
    name: str
    flow: str
    entrypoint: str = ""
    version: str = ""
    tags: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    work_pool: str = ""
    pull_steps: tuple[Mapping[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """What Prefect calls it."""
        return f"{self.flow}/{self.name}"

    @property
    def key(self) -> str:
        """What its flow is known by where approved plans are looked up (:func:`govflow.ir.lock.plan_key`)."""
        path, colon, function = self.entrypoint.rpartition(":")
        if not colon:
            module, _, function = self.entrypoint.rpartition(".")
            path = f"{module.rpartition('.')[2]}.py"
        file = path.replace("\\", "/").rpartition("/")[2].replace("%", "%25").replace("@", "%40")
        return f"{self.flow}@{file}:{function}"

    @property
    def digest(self) -> str:
        """Of what decides which code is loaded, and past which guard."""
        said = [self.entrypoint, self.work_pool, [dict(step) for step in self.pull_steps]]
        text = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
        return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"

    @property
    def guards(self) -> list[tuple[int, Any]]:
        """Where the guard stands among the pull steps, with what it is given: arguments, unless somebody edited it."""
        return [(index, step[GUARD] or {}) for index, step in enumerate(self.pull_steps) if GUARD in step]


def record_registered(workspace: Workspace, one: Registered, now: datetime) -> None:
    """Write down how a deployment was registered, where whoever edits it later does not reach."""
    by = workspace.requester().name
    draft = Draft(
        "deployment.registered",
        workspace.settings.tenant,
        now,
        subject=by,
        flow=one.flow,
        payload={
            "deployment": one.id,
            "name": one.label,
            "entrypoint": one.entrypoint,
            "digest": one.digest,
            "marks": sorted(marks(one.version, one.tags, one.labels)),
        },
    )
    port = StorePort(workspace)
    port.append(draft, durable=True)
    port.flush()


def registrations(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """The last registration of each deployment, by its id."""
    found: dict[str, dict[str, Any]] = {}
    for entry in workspace.store.tail(workspace.settings.tenant, _MOST, event="deployment.registered"):
        body = parse_body(entry.body)
        payload = body["payload"]
        found[payload["deployment"]] = {"digest": payload["digest"], "by": body["subject"], "at": body["at"]}
    return found


def read_file(path: Path) -> list[Registered]:
    """Deployments from a JSON file: a list of objects with the fields of Prefect's REST API, and ``flow_name``.

    Raises:
        RequestError: it cannot be read, or is no such list.
    """
    mend = "Write one with: govflow deployments audit --export FILE"
    try:
        listed = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{path}: cannot be read as a list of deployments: {error}.", mend=mend) from None
    if not isinstance(listed, list) or not all(isinstance(one, dict) and "name" in one for one in listed):
        raise RequestError(f"{path}: it is no list of deployments.", mend=mend)
    return [_of_json(one) for one in listed]


def _of_json(one: Mapping[str, Any]) -> Registered:
    return Registered(
        id=str(one.get("id", "")),
        name=str(one["name"]),
        flow=str(one.get("flow_name") or "?"),
        entrypoint=str(one.get("entrypoint") or ""),
        version=str(one.get("version") or ""),
        tags=tuple(map(str, one.get("tags") or ())),
        labels=dict(one.get("labels") or {}),
        work_pool=str(one.get("work_pool_name") or ""),
        pull_steps=tuple(step for step in one.get("pull_steps") or () if isinstance(step, Mapping)),
    )


def to_json(one: Registered) -> dict[str, Any]:
    """A deployment in the form that :func:`read_file` takes."""
    return {
        "id": one.id,
        "name": one.name,
        "flow_name": one.flow,
        "entrypoint": one.entrypoint,
        "version": one.version,
        "tags": list(one.tags),
        "labels": dict(one.labels),
        "work_pool_name": one.work_pool,
        "pull_steps": [dict(step) for step in one.pull_steps],
    }
