"""What a step, a plan and an IR *mean*, and the digest of that meaning.

The hashed documents are JSON objects in canonical form (:mod:`govflow.ir.canonical`). Each names its own type, so that
no document of one kind can pass for another. What stands only in the models and not here is noise for a hash: line
numbers and call sites, file names, findings, request id, idempotency key, and the order in which steps, edges, bound
parameter names or keys happen to be listed.

A field added here changes every hash: raise the number in the document's type with it, and say so in the changelog.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from operator import attrgetter
from typing import Any, Final

from govflow.errors import CanonicalError
from govflow.ir.canonical import canonical, digest, plain_members
from govflow.ir.models import IR, Plan, Step

STEP_TYPE: Final = "govflow.step/3"
PLAN_TYPE: Final = "govflow.plan/1"
IR_TYPE: Final = "govflow.ir/1"

_framed: Final = attrgetter(
    *("kind", "callee", "action", "provider", "resource", "tier", "approval", "records", "multiplicity", "count"),
    *("retries", "parameters", "declared", "code", "reason"),
)
_UNSURE: Final = ("constants", "count", "effects", "records", "retries")


def step_content(step: Step) -> dict[str, Any]:
    """What the step does, as JSON values: everything but its id and its call sites."""
    return {
        "kind": str(step.kind),
        "callee": step.callee,
        "action": step.action,
        "provider": step.provider,
        "resource": step.resource,
        "tier": None if step.tier is None else int(step.tier),
        "approval": step.approval,
        "records": step.records,
        "multiplicity": str(step.multiplicity),
        "count": step.count,
        "retries": step.retries,
        # Names are bound by keyword or by signature: the order in which a call lists them means nothing.
        "parameters": sorted(step.parameters),
        "constants": dict(step.constants),
        "declared": step.declared,
        "effects": effects_content(step),
        "code": step.code,
        "reason": step.reason,
    }


def effects_content(step: Step) -> dict[str, str]:
    """What the body was found to do; where it stands and in which order it was found mean nothing.

    A mapping, so that a diff names the effects that came and went.
    """
    found: dict[str, str] = {}
    for effect in step.effects:
        name = f"{effect.action} {effect.provider} {effect.resource}"
        if found.get(name) != "every row":
            found[name] = "every row" if effect.unbounded else ""
    return found


def plan_content(plan: Plan) -> dict[str, Any]:
    """The plan-level meaning, without steps and edges. The order of parameters counts: calls may be positional."""
    return {
        "version": plan.version,
        "flow": plan.flow,
        "function": plan.function,
        "retries": plan.retries,
        "parameters": [
            {
                "name": parameter.name,
                "required": parameter.required,
                "annotation": parameter.annotation,
                "default": parameter.default,
            }
            for parameter in plan.parameters
        ],
    }


def step_hash(step: Step) -> str:
    """``sha256:<hex>`` of what the step does; two call sites that do the same have the same hash.

    Raises:
        CanonicalError: a constant has no canonical form; the message names the step and the place.
    """
    content = step_content(step)
    content["type"] = STEP_TYPE
    # What the models hold is text, but for these.
    unsure = [part for name in _UNSURE if (part := content[name])]
    return digest(canonical(content, f"step {step.step_id}", unsure=unsure))


def _hash_in_frame(step: Step, frames: dict[tuple[object, ...], tuple[bytes, bytes]]) -> str:
    """:func:`step_hash`, with what stands around the constants written once for the steps that share it.

    Calls of one task differ in little else, so a plan of thousands has some hundred frames.
    """
    constants = step.constants
    if not plain_members(constants):
        return step_hash(step)
    # The plan holds the effects while this runs. Types count: ``True`` is written otherwise than ``1``.
    types = type(step.tier), type(step.records), type(step.count), type(step.retries), type(step.declared)
    key = (*_framed(step), id(step.effects), *types)
    frame = frames.get(key)
    if frame is None:
        frame = frames[key] = _frame(step)
    return digest(b"".join((frame[0], canonical(constants, unsure=()), frame[1])))


def _frame(step: Step) -> tuple[bytes, bytes]:
    """The canonical form of a step's content, before and behind its constants."""
    content = {**step_content(step), "type": STEP_TYPE}
    del content["constants"]
    before = {name: value for name, value in content.items() if name < "constants"}
    behind = {name: value for name, value in content.items() if name > "constants"}
    where = f"step {step.step_id}"
    return canonical(before, where)[:-1] + b',"constants":', b"," + canonical(behind, where)[1:]


def step_hashes(plan: Plan, same: Container[str] = ()) -> dict[str, str]:
    """Step id to step hash, for every step of the plan.

    Args:
        plan: read from source or from a lock.
        same: steps that are known to be equal to those that they are compared with: their hash is left empty.

    Raises:
        CanonicalError: two steps share an id (the second would hide behind the first), or a constant cannot be hashed.
    """
    frames: dict[tuple[object, ...], tuple[bytes, bytes]] = {}
    hashes = {step.step_id: "" if step.step_id in same else _hash_in_frame(step, frames) for step in plan.steps}
    if len(hashes) != len(plan.steps):
        twice = sorted(name for name, count in Counter(step.step_id for step in plan.steps).items() if count > 1)
        raise CanonicalError(
            f"plan {plan.flow}: two steps share the id {twice[0]!r}, so the plan has no canonical form",
            mend="Read the plan again from source; step ids are unique in a plan.",
            details={"steps": twice},
        )
    return hashes


def plan_hash(plan: Plan, hashes: dict[str, str] | None = None) -> str:
    """``sha256:<hex>`` of the plan: its steps by id, its edges, its flow's name, function, retries and parameters.

    Args:
        plan: read from source or from a lock.
        hashes: ``step_hashes(plan)``, where the caller has it already.

    Raises:
        CanonicalError: step ids are not unique, an edge leads to a step that is not there, or a constant has no
            canonical form.
    """
    steps = step_hashes(plan) if hashes is None else hashes
    for edge in plan.edges:
        if edge.source not in steps or edge.target not in steps:
            raise CanonicalError(
                f"plan {plan.flow}: the edge {edge.source} -> {edge.target} leads to a step that is not in the plan",
                mend="Read the plan again from source.",
                details={"source": edge.source, "target": edge.target},
            )
    edges = sorted({(edge.source, edge.target, str(edge.kind)) for edge in plan.edges})
    document = {"type": PLAN_TYPE, **plan_content(plan), "steps": steps, "edges": edges}
    return digest(canonical(document, f"plan {plan.flow}", unsure=(steps, plan.retries)))


def ir_hash(ir: IR, plan_digest: str | None = None) -> str:
    """``sha256:<hex>`` of what is approved: the plan bound to tenant, environment, policy and flow parameters.

    Args:
        ir: the bound plan. Its request id and idempotency key do not count.
        plan_digest: ``plan_hash(ir.plan)``, where the caller has it already.

    Raises:
        CanonicalError: a flow parameter has no canonical form; the message starts with its place
            (``parameters.config[3].rate``).
    """
    document = {
        "type": IR_TYPE,
        "version": ir.version,
        "tenant": ir.tenant,
        "environment": ir.environment,
        "policy_digest": ir.policy_digest,
        "parameters": dict(ir.parameters),
        "plan_hash": plan_hash(ir.plan) if plan_digest is None else plan_digest,
    }
    return digest(canonical(document, ""))
