"""The policy in force here: its rules, who is asked by which approval rule, its digest, and where it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from govflow.approval import ApprovalRule
from govflow.policy import PolicyDocument
from govflow.policy.rules import PolicyRule
from govflow.services.read_policy import PolicyReading
from govflow.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class PolicyLayer:
    """One policy: the only one, or one of several that hold together.

    Attributes:
        layer: org, tenant, flow or task; empty for the only one.
        name: of the policy set.
        where: what it was read from.
        digest: of this layer.
        combining: how several rules that match come to one answer.
        default_effect: what holds when none matches.
        rules: in the order in which they were written, those of packs among them.
        files: names of the files that were read, imports and packs too.
        signed_by: the key whose signature counts, and who made the bundle; empty for a file.
        signed_at: when it was made.
    """

    layer: str
    name: str
    where: str
    digest: str
    combining: str
    default_effect: str
    rules: tuple[PolicyRule, ...]
    files: tuple[str, ...]
    signed_by: str
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """The policy in force.

    Attributes:
        digest: what decisions and approvals are bound to.
        mode: observe or enforce.
        environment: of this process.
        explicit: False for the starter policy, where none is configured.
        layers: outermost first; one where there is a single policy.
        approvals: approval rules by name.
    """

    digest: str
    mode: str
    environment: str
    explicit: bool
    layers: tuple[PolicyLayer, ...]
    approvals: tuple[ApprovalRule, ...]


def show_policy(workspace: Workspace) -> PolicyShown:
    """What the workspace decides by."""
    document, reading = workspace.document, workspace.reading
    parts = dict(reading.layers) if reading is not None else {}
    if document.layers:
        layers = [
            _layer(str(name), part, next((r for key, r in parts.items() if str(key) == str(name)), None))
            for name, part in document.layers.items()
        ]
    else:
        layers = [_layer("", document, reading)]
    return PolicyShown(
        digest=workspace.engine.digest,
        mode=workspace.mode,
        environment=workspace.settings.environment,
        explicit=workspace.explicit,
        layers=tuple(layers),
        approvals=tuple(workspace.approvals[name] for name in sorted(workspace.approvals)),
    )


def _layer(name: str, document: PolicyDocument, reading: PolicyReading | None) -> PolicyLayer:
    signed = None if reading is None else reading.signed
    texts = () if reading is None else tuple(reading.texts)
    policy = document.policy
    return PolicyLayer(
        layer=name,
        name=policy.name,
        where=str(document.where),
        digest=document.digest,
        combining=str(policy.combining),
        default_effect=str(policy.default_effect),
        rules=tuple(policy.rules),
        files=tuple(sorted(Path(path).name for path in texts)),
        signed_by=f"{signed.kid} ({signed.made_by})" if signed else "",
        signed_at=signed.made_at if signed else None,
    )
