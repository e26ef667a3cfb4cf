"""The parts of a plan diff, and how they are written for people and for machines.

A diff holds values as they are. Before it goes into records, error messages or comments on pull requests, literal
secrets of the source are taken out of it with :meth:`PlanDiff.masked`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from govflow.ir.models import Edge, Step

_SHOWN: Final = 60  # characters of a value in a line of text
_EFFECT: Final = "effects."
_NAMED: Final = 3  # further effects of a step in a line of text
_OPAQUE: Final = frozenset({"code"})  # fields whose old and new values tell a person nothing


Mask = Callable[[str, Any], Any]
"""What of a value may be shown, by its dotted name."""


class ChangeKind(StrEnum):
    """What became of a field."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field. ``field`` is a dotted path (``constants.limit``); the side where it is absent holds ``None``."""

    field: str
    kind: ChangeKind
    old: Any
    new: Any

    def to_dict(self) -> dict[str, Any]:
        """JSON values; an absent side is left out."""
        made: dict[str, Any] = {"field": self.field, "kind": self.kind.value}
        if self.kind is not ChangeKind.ADDED:
            made["old"] = self.old
        if self.kind is not ChangeKind.REMOVED:
            made["new"] = self.new
        return made

    def text(self) -> str:
        """As in ``retries 0 -> 3``, ``code changed``, ``constants.limit added: 5``."""
        if self.field in _OPAQUE:
            return f"{self.field} {self.kind.value}"
        if self.field.startswith(_EFFECT):
            return self._effect()
        old, new = _short(self.old), _short(self.new)
        if self.kind is ChangeKind.ADDED:
            return f"{self.field} added: {new}"
        if self.kind is ChangeKind.REMOVED:
            return f"{self.field} removed, was {old}"
        return f"{self.field} {old} -> {new}"

    def _effect(self) -> str:
        """As in ``effect added: data:delete postgres dataset://orders (every row)``."""
        name = _short(self.field.removeprefix(_EFFECT))
        if self.kind is ChangeKind.CHANGED:
            return f"effect {name}: {self.old or 'some rows'} -> {self.new or 'some rows'}"
        extent = self.new if self.kind is ChangeKind.ADDED else self.old
        return f"effect {self.kind.value}: {name}" + (f" ({extent})" if extent else "")


@dataclass(frozen=True, slots=True)
class Changed:
    """A step that both plans have and that does something else now. ``step_id`` is the newer id."""

    step_id: str
    old: Step
    new: Step
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """A step that does the same under another id or at another place. Positions count from 0, in source order."""

    old_id: str
    new_id: str
    old_position: int
    new_position: int


@dataclass(frozen=True, slots=True)
class Rewired:
    """A step that follows other steps than it did. ``added`` edges are in new ids.

    A ``removed`` edge names its source as the loaded plan does, where that step is still there; else by its old id.
    """

    step_id: str
    added: tuple[Edge, ...]
    removed: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """What changed from the approved plan to the loaded one. False when nothing did."""

    approved_hash: str
    loaded_hash: str
    added: tuple[Step, ...] = ()
    removed: tuple[Step, ...] = ()
    changed: tuple[Changed, ...] = ()
    moved: tuple[Moved, ...] = ()
    rewired: tuple[Rewired, ...] = ()
    plan: tuple[FieldChange, ...] = ()  # of the flow itself: name, retries, parameters

    def masked(self, mask: Mask) -> PlanDiff:
        """The same diff with other values in it: fields, constants and resources as ``mask`` returns them.

        Args:
            mask: given a dotted name and a value, what may be shown; :func:`govflow.telemetry.redact_named`.
        """

        def fields(changes: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
            return tuple(_masked_field(change, mask) for change in changes)

        changed = [
            Changed(c.step_id, _masked_step(c.old, mask), _masked_step(c.new, mask), fields(c.fields))
            for c in self.changed
        ]
        return replace(
            self,
            added=tuple(_masked_step(step, mask) for step in self.added),
            removed=tuple(_masked_step(step, mask) for step in self.removed),
            changed=tuple(changed),
            plan=fields(self.plan),
        )

    def __bool__(self) -> bool:
        return self.approved_hash != self.loaded_hash

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for records and ``--format json``."""
        return {
            "approved_hash": self.approved_hash,
            "loaded_hash": self.loaded_hash,
            "added": [_step_dict(step) for step in self.added],
            "removed": [_step_dict(step) for step in self.removed],
            "changed": [
                {"step_id": change.step_id, "fields": [item.to_dict() for item in change.fields]}
                for change in self.changed
            ],
            "moved": [
                {"old_id": m.old_id, "new_id": m.new_id, "old_position": m.old_position, "new_position": m.new_position}
                for m in self.moved
            ],
            "rewired": [
                {"step_id": r.step_id, "added": _edge_dicts(r.added), "removed": _edge_dicts(r.removed)}
                for r in self.rewired
            ],
            "plan": [item.to_dict() for item in self.plan],
        }

    def lines(self) -> tuple[str, ...]:
        """Plain text, most important first: ``+`` added, ``-`` removed, ``~`` changed or rewired, ``>`` moved."""
        return (
            *(f"+ {step_text(step)}" for step in self.added),
            *(f"- {step_text(step)}" for step in self.removed),
            *(f"~ {change.step_id}: {text}" for change in self.changed for text in _field_texts(change)),
            *(f"~ flow: {item.text()}" for item in self.plan),
            *(f"~ {r.step_id}: now after {e.source} ({e.kind.value})" for r in self.rewired for e in r.added),
            *(f"~ {r.step_id}: no longer after {e.source} ({e.kind.value})" for r in self.rewired for e in r.removed),
            *(_move_text(move) for move in self.moved),
        )


def _field_texts(change: Changed) -> tuple[str, ...]:
    return tuple(item.text() for item in change.fields) or ("a value that is not shown changed",)


def step_text(step: Step) -> str:
    """What a step does; what else its code was found to do stands behind it."""
    own = (step.action, step.provider, step.resource)
    every = any(e.unbounded and (e.action, e.provider, e.resource) == own for e in step.effects)
    others = [e for e in step.effects if (e.action, e.provider, e.resource) != own]
    text = f"{step.step_id}  {' '.join(own)}" + (" (every row)" if every else "")
    named = [f"{e.action} {e.resource}" + (" (every row)" if e.unbounded else "") for e in others[:_NAMED]]
    if len(others) > _NAMED:
        named.append(f"{len(others) - _NAMED} more")
    return text + (f"; also {', '.join(named)}" if named else "")


def _move_text(move: Moved) -> str:
    if move.old_id != move.new_id:
        return f"> {move.new_id}: was {move.old_id}"
    return f"> {move.new_id}: now step {move.new_position + 1}, was step {move.old_position + 1}"


def _masked_field(change: FieldChange, mask: Mask) -> FieldChange:
    if change.field.startswith(_EFFECT):  # the name of an effect holds its resource
        return replace(change, field=_EFFECT + mask("resource", change.field.removeprefix(_EFFECT)))
    return replace(change, old=mask(change.field, change.old), new=mask(change.field, change.new))


def _masked_step(step: Step, mask: Mask) -> Step:
    constants = {name: mask(name, value) for name, value in step.constants.items()}
    effects = tuple(e.model_copy(update={"resource": mask("resource", e.resource)}) for e in step.effects)
    return step.model_copy(
        update={"resource": mask("resource", step.resource), "constants": constants, "effects": effects}
    )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    # A literal of somebody's source: no control characters into a terminal.
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _step_dict(step: Step) -> dict[str, Any]:
    return step.model_dump(mode="json")


def _edge_dicts(edges: tuple[Edge, ...]) -> list[dict[str, Any]]:
    return [edge.model_dump(mode="json") for edge in edges]
