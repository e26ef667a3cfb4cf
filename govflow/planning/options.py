"""What a decorator says about a task or a flow."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from govflow.ir.models import Tier
from govflow.ir.vocabulary import WAITS
from govflow.planning.modules import SourceModule
from govflow.planning.values import Choice, Constant, Container, Data, External, Function, Value
from govflow.planning.vocabulary import FLOW_HOOKS, TASK_HOOKS

Report = Callable[[str, str], None]
"""Takes the code and the message of a finding."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A callable given to a decorator, and the option it was given to."""

    kind: str
    value: Value


@dataclass(frozen=True, slots=True)
class Option:
    """An option that decides whether or how a body runs, as the source writes it."""

    name: str
    value: ast.expr
    module: SourceModule


@dataclass(frozen=True)
class Options:
    """Options of a task or flow that a plan holds. None: not declared."""

    name: str | None = None
    action: str | None = None
    provider: str | None = None
    resource: str | None = None
    tier: int | None = None
    approval: str | None = None
    records: int | str | None = None
    retries: int = 0
    running: tuple[Option, ...] = ()
    # A lambda that is read twice is two values: hooks do not tell two calls apart.
    hooks: tuple[Hook, ...] = field(default=(), compare=False)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Asked for at every call of the task."""
        own = (self.name, self.action, self.provider, self.resource, self.tier, self.approval, self.records)
        return hash((*own, self.retries, self.running))

    def with_hook(self, hook: Hook) -> Options:
        """The same options and one hook more."""
        if any(known.kind == hook.kind and known.value is hook.value for known in self.hooks):
            return self
        return replace(self, hooks=(*self.hooks, hook))

    @property
    def hooks_named(self) -> bool:
        """Whether :meth:`hook_names` says all of the hooks: two readings of the source mean the same by it."""
        return all(_is_named(hook.value) for hook in self.hooks)

    def hook_names(self) -> tuple[tuple[str, Hashable], ...]:
        """What the hooks are called, alike in every reading of the source."""
        return tuple((hook.kind, _name_of(hook.value)) for hook in self.hooks)


def _is_named(hook: Value) -> bool:
    return isinstance(hook, External) or (isinstance(hook, Function) and "<locals>" not in hook.qualname)


def _name_of(hook: Value) -> Hashable:
    if isinstance(hook, External):
        return hook.dotted
    return id(hook.node) if isinstance(hook, Function) else type(hook).__name__


_TEXTS = ("name", "action", "provider", "resource", "approval")


def read_options(given: Mapping[str, Value], kind: str, start: Options, report: Report) -> Options:
    """Options from the keywords of a decorator or of ``with_options``, on top of ``start``.

    An option that the plan needs and that is not a constant keeps its value in ``start`` and is reported.
    """
    changed: dict[str, object] = {}
    hooks = list(start.hooks)
    hook_names = TASK_HOOKS if kind == "task" else FLOW_HOOKS
    for name, value in given.items():
        if name in hook_names:
            added = _hooks(name, value)
            if added is not None:
                hooks = [hook for hook in hooks if hook.kind != name] + added
        elif name in _TEXTS or name in ("tier", "records", "retries"):
            _read_one(name, value, changed, report)
    return replace(start, **changed, hooks=tuple(hooks))  # type: ignore[arg-type] # _accepts checked each value


def _read_one(name: str, value: Value, changed: dict[str, object], report: Report) -> None:
    constant = _tier_member(value) if name == "tier" else value
    if not isinstance(constant, Constant):
        report("option-not-constant", f"the option {name} is not a constant; its default counts")
    elif constant.value is None:
        changed[name] = 0 if name == "retries" else None
    elif name == "approval" and constant.value in WAITS:
        changed[name] = None  # how to wait is no part of what is done
    elif _accepts(name, constant.value):
        changed[name] = int(constant.value) if name == "tier" else constant.value  # type: ignore[call-overload] # an int
    else:
        report("option-not-usable", f"the option {name} has a value that cannot be used: {constant.value!r}")


def _accepts(name: str, value: object) -> bool:
    if name in _TEXTS:
        return isinstance(value, str) and bool(value)
    if isinstance(value, bool):
        return False
    if name == "tier":
        return isinstance(value, int) and value in tuple(Tier)
    if name == "records":
        return (isinstance(value, int) and value >= 0) or (isinstance(value, str) and bool(value))
    return isinstance(value, int) and value >= 0


def _tier_member(value: Value) -> Value:
    """``Tier.HIGH`` as its number."""
    if isinstance(value, External):
        owner, _, member = value.dotted.rpartition(".")
        if owner.endswith("Tier") and member in Tier.__members__:
            return Constant(int(Tier[member]))
    return value


def _hooks(name: str, value: Value) -> list[Hook] | None:
    """Hooks in an option's value; None if it holds nothing that is called."""
    if isinstance(value, Container):
        items = list(value.items)
    elif isinstance(value, Choice):
        items = list(value.options)
    else:
        items = [value]
    if name in ("retry_delay_seconds",):
        items = [item for item in items if not isinstance(item, Data | External)]
    return [Hook(name, item) for item in items if not isinstance(item, Constant)]
