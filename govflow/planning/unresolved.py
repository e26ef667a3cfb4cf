"""Calls that could run a task and cannot be read: each is a step with its reason, never dropped."""

from __future__ import annotations

import ast

from govflow.ir.models import EdgeKind, StepKind
from govflow.planning.arguments import Arguments
from govflow.planning.joins import deps_of
from govflow.planning.machine import Machine
from govflow.planning.normal_form import digest
from govflow.planning.options import Options
from govflow.planning.values import NO_DEPS, Data, Origin, Value

UNRESOLVED = "unresolved"
_MOST = 64  # steps of one call


def unresolved(machine: Machine, node: ast.AST, reason: str, given: Arguments, *, most: int = _MOST) -> Value:
    """Record a call that could run a task and cannot be read.

    Args:
        machine: the reading.
        node: the call.
        reason: why it cannot be read.
        given: its arguments.
        most: steps of this very call, by the ways on which it is come to; on further ways it is the last of them.
    """
    waited = given.keywords.get("wait_for")
    order = NO_DEPS if waited is None else deps_of(waited)
    known = machine.unresolved.setdefault((id(node), reason), {})
    if len(known) >= most and machine.recorder is not None:
        draft = list(known.values())[-1]
        if draft.number in machine.recorder.drafts:
            draft.many, draft.count = True, None
            machine.recorder.touched += 1
            machine.recorder.connect(given.deps(), draft.number, EdgeKind.DATA)
            machine.recorder.connect(order, draft.number, EdgeKind.ORDER)
            return Data(frozenset((draft.number,)) | given.deps(), Origin.STEP)
    place = machine.record(
        node,
        StepKind.UNRESOLVED,
        UNRESOLVED,
        Options(),
        ("task:execute", "python", f"task://{machine.frame.module.stem}/{UNRESOLVED}"),
        lambda: digest(["unresolved", reason]),
        data=given.deps(),
        order=order,
        reason=reason,
    )
    if place is None or place.draft is None:
        return Data(given.deps(), Origin.STEP)
    known[place.draft.number] = place.draft
    return Data(frozenset((place.draft.number,)) | given.deps(), Origin.STEP)
