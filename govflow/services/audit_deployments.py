"""Which deployments of a server nothing guards, or not as they were made.

Whoever has access to the server's API can edit a deployment: take the guard out, put a step after it, hand it other
arguments. None of that is visible to a flow that is loaded without a guard, so it is looked for from outside. What
`govflow deploy` registered stands in our log, where that API does not reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from govflow.governor.port import ApprovedPlan
from govflow.services.findings import CheckFinding, Level
from govflow.services.registered import Registered, registrations
from govflow.services.store_port import StorePort
from govflow.services.verify_deployment import marks, version_of
from govflow.services.workspace import Workspace

_KNOWN: Final = frozenset({"plan_hash", "directory", "mode", "approval", "id", "requires"})
_DEPLOY: Final = "Deploy it again: govflow deploy --name {name}"


@dataclass(frozen=True, slots=True)
class DeploymentAudit:
    """What was looked at, and what was found."""

    deployments: tuple[Registered, ...]
    findings: tuple[CheckFinding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing that was found fails the audit."""
        return all(finding.level is not Level.ERROR for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "version": 1,
            "clean": self.clean,
            "deployments": [
                {"id": one.id, "name": one.label, "entrypoint": one.entrypoint, "guarded": bool(one.guards)}
                for one in self.deployments
            ],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def audit_deployments(workspace: Workspace, deployments: Sequence[Registered]) -> DeploymentAudit:
    """Compare each deployment with its guard, its registration and the approved plan of its flow.

    Raises:
        StoreError: enforce mode, and the store cannot be asked.
    """
    port = StorePort(workspace)
    known = registrations(workspace)
    findings: list[CheckFinding] = []
    for one in deployments:
        findings += _of_guard(one, known.get(one.id))
        findings += _of_plan(one, port.approved_plan(workspace.settings.tenant, one.key))
    return DeploymentAudit(tuple(deployments), tuple(findings))


def _of_guard(one: Registered, made: Mapping[str, Any] | None) -> Iterator[CheckFinding]:
    """Whether a guard stands where it must, as it was registered."""
    marked = marks(one.version, one.tags, one.labels)
    if made is not None and made["digest"] != one.digest:
        message = f"Its pull steps or entrypoint are not those that {made['by']} registered on {made['at'][:10]}."
        yield _finding(one, "GF502", message, f"registered {one.digest}")
    if not one.guards:
        if one.pull_steps or (one.work_pool and not marked):
            yield _finding(one, "GF501", "None of its pull steps is govflow.prefect.steps.guard.", "guard")
        elif not marked:
            message = "It was made by serve() or deploy() of a flow that is not governed."
            yield _finding(one, "GF504", message, "mark")
        return
    for why in _edits(one, marked):
        yield _finding(one, "GF502", why, why)


def _edits(one: Registered, marked: frozenset[str]) -> Iterator[str]:
    """What about the guard itself is not as it should be."""
    if len(one.guards) > 1:
        yield "It has more than one guard."
    index, given = one.guards[-1]
    after = [name for step in one.pull_steps[index + 1 :] for name in step]
    if after:
        yield f"After the guard {after[0]} runs, and may change the code that was checked."
    if not isinstance(given, Mapping):
        yield "The guard is given something that is no argument."
        return
    unknown = sorted(set(given) - _KNOWN)
    if unknown:
        yield f"The guard does not take {', '.join(unknown)}."
    hashed = given.get("plan_hash")
    if not isinstance(hashed, str) or not hashed.startswith("sha256:"):
        yield "The guard is not told which plan was verified: plan_hash is missing."
    elif marked and version_of(hashed) not in marked:
        yield f"The guard holds {version_of(hashed)}, and the deployment says {', '.join(sorted(marked))}."


def _of_plan(one: Registered, approved: ApprovedPlan | None) -> Iterator[CheckFinding]:
    """Whether what was verified is still what is approved."""
    said = set(marks(one.version, one.tags, one.labels))
    for _, given in one.guards:
        hashed = given.get("plan_hash") if isinstance(given, Mapping) else None
        if isinstance(hashed, str) and hashed.startswith("sha256:"):
            said.add(version_of(hashed))
    if not said:
        return
    if approved is None or approved.trusted:
        yield _finding(one, "GF505", f"Nobody has approved a plan of {one.key}.", "approved")
        return
    now = version_of(approved.plan_hash)
    if now not in said:
        message = f"It was verified for {', '.join(sorted(said))}; {approved.principal} approved {now} since."
        yield _finding(one, "GF503", message, now)


def _finding(one: Registered, code: str, message: str, key: str) -> CheckFinding:
    file = one.entrypoint.rpartition(":")[0] or None
    return CheckFinding(code, one.label, message, _DEPLOY.format(name=one.name), file=file, key=key)
