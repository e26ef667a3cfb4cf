"""Steps that plainly do the same, found without a hash.

Most steps of two plans are equal field by field. To say so costs a tenth of hashing both; only what is left is hashed.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Final

from pydantic import JsonValue

from govflow.ir.models import Plan, Step

_SCALARS: Final = frozenset({str, int, bool, type(None)})
_ABSENT: Final = object()
_hashed: Final = attrgetter(
    *("kind", "callee", "action", "provider", "resource", "tier", "approval", "records", "multiplicity", "count"),
    *("retries", "parameters", "declared", "effects", "code", "reason"),
)
"""The fields that :func:`govflow.ir.hashing.step_content` reads, but for the constants."""


def surely_same(approved: Plan, loaded: Plan) -> frozenset[str]:
    """The ids under which both plans hold a step that does the same.

    Where it names one, the hashes of the two are equal. It may leave out steps whose hashes are equal, and names none
    of a plan in which two steps share an id: such a plan has no hash.
    """
    known = {step.step_id: step for step in approved.steps}
    if len(known) != len(approved.steps) or len({step.step_id for step in loaded.steps}) != len(loaded.steps):
        return frozenset()
    return frozenset(
        step.step_id
        for step in loaded.steps
        if (other := known.get(step.step_id)) is not None and (other is step or _equal(other, step))
    )


def _equal(old: Step, new: Step) -> bool:
    """Whether every field that is hashed is equal, and plainly so. What is not is for the hash to decide."""
    return (
        _hashed(old) == _hashed(new)
        and type(old.records) is type(new.records)
        and type(old.count) is type(new.count)
        and type(old.retries) is type(new.retries)
        and _equal_constants(old.constants, new.constants)
    )


def _equal_constants(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]) -> bool:
    """Equal, and each of one plain type: ``True`` is not ``1``."""
    if len(old) != len(new):
        return False
    for name, value in old.items():
        other = new.get(name, _ABSENT)
        kind = type(value)
        if kind is not type(other) or kind not in _SCALARS or value != other:
            return False
    return True
