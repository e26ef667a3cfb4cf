"""Providers of attributes: how a budget, a second factor or an estimate of costs comes before the policy.

    def left(facts: Facts, wanted: frozenset[str]) -> dict[str, object]:
        return {"context.budget.left": budgets[facts.tenant]}

    BUDGET = AttributeProvider("budget", {"context.budget.left": "number"}, left)

A provider is asked only when a decision looks at one of its paths. Whatever goes wrong leaves its attributes missing,
with the reason: the law of missing attributes decides then, and it never allows more.
"""

from __future__ import annotations

import contextvars
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from govflow.errors import CanonicalError, PolicyError
from govflow.identity import Principal
from govflow.ir.canonical import canonical
from govflow.ir.models import Step, Tier
from govflow.policy.attributes import OPEN, AttributeType, declaration_problem
from govflow.policy.moments import moment, written_moment
from govflow.telemetry import get_logger

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}")
_TIMEOUT: Final = 2.0  # seconds; a decision waits for it

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision is about. Read it; nothing in it is yours to change."""

    tenant: str
    environment: str
    mode: str  # ``observe`` or ``enforce``
    flow: str
    requester: Principal
    step: Step  # as planned
    tier: Tier
    action: str
    provider: str
    resource: str
    records: int | None  # how many, where it is known
    parameters: Mapping[str, Any]  # of the call, those that JSON can say; before the run only what the source tells
    now: datetime | None  # when the decision is taken, aware; None where nothing reads it


Ask = Callable[[Facts, frozenset[str]], Mapping[str, object]]
"""Gives values by path; of the second argument's paths those that have one. Called in a thread of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributeProvider:
    """Somebody who gives attributes.

    Attributes:
        name: for people: it stands in reasons and logs.
        provides: paths to types, as a policy declares them: string, int, number, bool, list, time.
        ask: gives the values; may raise, and may be called by several threads at once.
        secret: those of the paths whose values are in no record. A replay does without them.
        timeout_seconds: how long a decision waits for an answer; above 0.

    Raises:
        PolicyError: it gives what is not its to give, such as ``run.tenant``, or its declaration is no sound one.
    """

    name: str
    provides: Mapping[str, str]
    ask: Ask
    secret: frozenset[str] = frozenset()
    timeout_seconds: float = _TIMEOUT

    def __post_init__(self) -> None:
        object.__setattr__(self, "provides", MappingProxyType(dict(self.provides)))
        object.__setattr__(self, "secret", frozenset(self.secret))
        if not _NAME.fullmatch(self.name):
            raise _unsound(repr(self.name), "this is no name", "Use letters, digits and . _ -")
        if not self.provides:
            raise _unsound(self.name, "it provides nothing", "Declare the paths and types that it gives.")
        if not 0 < self.timeout_seconds <= threading.TIMEOUT_MAX:
            raise _unsound(self.name, "timeout_seconds is not above 0, or without an end", "Give it some seconds.")
        if stray := self.secret - self.provides.keys():
            raise _unsound(self.name, f"it keeps {sorted(stray)[0]!r} secret and does not provide it", "Mend the name.")
        kinds = {path: _type_of(self.name, path, kind) for path, kind in self.provides.items()}
        for path in kinds:
            if path.partition(".")[0] == OPEN:
                raise _unsound(self.name, f"{path!r} is what a call is given", "Name it 'context.NAME'.")
            if problem := declaration_problem(path, kinds):
                raise _unsound(self.name, f"{path!r}: {problem[0]}", problem[1])


def _type_of(name: str, path: str, kind: str) -> AttributeType:
    try:
        return AttributeType(kind)
    except ValueError:
        known = ", ".join(sorted(set(AttributeType) - {AttributeType.ANY}))
        raise _unsound(name, f"{path!r} has no type {kind!r}", f"Use one of: {known}.") from None


def _unsound(name: str, what: str, mend: str) -> PolicyError:
    return PolicyError(f"Attribute provider {name}: {what}.", mend=mend, details={"provider": name})


@dataclass(slots=True)
class Answers:
    """What providers said for one decision."""

    notes: list[str] = field(default_factory=list)  # why attributes are missing, in words
    asked: set[str] = field(default_factory=set)  # paths, with a value or without
    withheld: set[str] = field(default_factory=set)  # of those, the ones whose values are in no record


class Providers:
    """All providers that runs of this process ask. Safe to share between threads."""

    def __init__(self, providers: Sequence[AttributeProvider] = ()) -> None:
        """Join them.

        Raises:
            PolicyError: two of them have one name, or give the same path.
        """
        self.all = tuple(providers)
        self._by_path: dict[str, AttributeProvider] = {}
        self._late: dict[str, list[threading.Thread]] = {}  # by name: threads that did not answer in time
        self._lock = threading.Lock()
        types: dict[str, AttributeType] = {}
        for provider in self.all:
            if sum(other.name == provider.name for other in self.all) > 1:
                raise _unsound(provider.name, "there are two of that name", "Rename one of them.")
            for path, kind in provider.provides.items():
                types[path] = AttributeType(kind)
                other = self._by_path.setdefault(path, provider)
                problem = "another one gives it too" if other is not provider else declaration_problem(path, types)
                if problem:
                    why = problem if isinstance(problem, str) else problem[0]
                    raise _unsound(provider.name, f"{path!r}: {why}", "Each path has one provider.")

    @property
    def paths(self) -> frozenset[str]:
        """All that they give."""
        return frozenset(self._by_path)

    def answer(
        self, wanted: frozenset[str], facts: Callable[[], Facts], attributes: dict[str, Any], answers: Answers
    ) -> bool:
        """Ask the first who gives one of the ``wanted`` paths and was not asked; put the values in their places.

        One at a time: what the first says may keep the decision from looking at what the next one gives.

        Args:
            wanted: paths that a decision looks at; those that nobody here gives are left alone.
            facts: what the decision is about; made only where somebody is asked.
            attributes: of the request; gains the values.
            answers: so far; gains what was asked.

        Returns:
            Whether anybody was asked.
        """
        unasked = wanted - answers.asked
        provider = next((one for one in self.all if not unasked.isdisjoint(one.provides)), None)
        if provider is None:
            return False
        paths = frozenset(provider.provides)
        answers.asked |= paths
        answers.withheld |= provider.secret
        taken = self._asked(provider, facts(), paths)
        for path in sorted(paths):
            if path in taken.values:
                _put(attributes, path, taken.values[path])
            elif path in taken.wrong:
                answers.notes.append(_note(provider, path, taken.wrong[path]))
            elif taken.problem and path in wanted:
                answers.notes.append(_note(provider, path, taken.problem))
        return True

    def _asked(self, provider: AttributeProvider, facts: Facts, paths: frozenset[str]) -> _Taken:
        """Its values, or why there are none."""
        with self._lock:
            late = self._late[provider.name] = [one for one in self._late.get(provider.name, []) if one.is_alive()]
            if late:
                return _Taken("still owes an earlier answer")
        taken: list[_Taken] = []
        context = contextvars.copy_context()

        def ask() -> None:
            try:
                # Read here: a mapping of theirs may do anything when it is read, and change later.
                taken.append(_taken(provider, context.run(provider.ask, facts, paths)))
            except BaseException as error:  # noqa: BLE001 - whatever it is, there is no answer
                taken.append(_Taken(f"failed with {type(error).__name__}"))  # its text may quote what nobody should see

        thread = threading.Thread(target=ask, daemon=True, name=f"govflow-ask-{provider.name}")
        try:
            thread.start()
        except RuntimeError:  # no threads are left, or the interpreter is ending
            return _Taken("could not be asked: there is no thread for it")
        thread.join(provider.timeout_seconds)
        if not taken:
            with self._lock:
                self._late[provider.name].append(thread)
            return _Taken(f"did not answer in {provider.timeout_seconds:g} s")
        return taken[0]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a provider said, read and checked."""

    problem: str = ""  # why there is no answer, in words
    values: Mapping[str, Any] = field(default_factory=dict)  # by path
    wrong: Mapping[str, str] = field(default_factory=dict)  # by path: why a value is not taken


def _taken(provider: AttributeProvider, answer: object) -> _Taken:
    if not isinstance(answer, Mapping):
        return _Taken(f"answered with {type(answer).__name__}, which is no mapping")
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for path, kind in provider.provides.items():
        if (given := answer.get(path)) is None:
            continue
        value, why = _checked(given, AttributeType(kind))
        if why:
            wrong[path] = why
        else:
            values[path] = value
    return _Taken("", values, wrong)


def _note(provider: AttributeProvider, path: str, why: str) -> str:
    _log.warning("attribute.missing", provider=provider.name, path=path, why=why)
    return f"Attribute {path!r} is missing: provider {provider.name!r} {why}."


def _checked(value: object, kind: AttributeType) -> tuple[Any, str]:
    """The value as it is shown and recorded, or what is wrong with it. Never quotes it."""
    fits = {
        AttributeType.STRING: type(value) is str,
        AttributeType.INT: type(value) is int,
        AttributeType.NUMBER: type(value) is int or (type(value) is float and math.isfinite(value)),
        AttributeType.BOOL: type(value) is bool,
        AttributeType.LIST: isinstance(value, list | tuple) and all(type(item) is str for item in value),
        AttributeType.TIME: isinstance(value, datetime | str),
    }
    wrong = f"gave {type(value).__name__}, which is no {kind}"
    if not fits[kind]:
        return None, wrong
    if kind is AttributeType.TIME:
        try:
            return written_moment(moment(value) if isinstance(value, str) else value), ""  # type: ignore[arg-type]
        except (ValueError, OverflowError):
            return None, "gave a time without an offset"
    kept: Any = list(value) if isinstance(value, list | tuple) else value
    try:
        canonical(kept, "")
    except CanonicalError:
        return None, f"gave {type(value).__name__} that no record can hold"
    return kept, ""


def _put(attributes: dict[str, Any], path: str, value: Any) -> None:
    """Put a value in its place; what others hold of the mappings on the way is not touched."""
    *spaces, last = path.split(".")
    held = attributes
    for space in spaces:
        inner = held.get(space)
        held[space] = dict(inner) if isinstance(inner, Mapping) else {}
        held = held[space]
    held[last] = value


def without(attributes: Mapping[str, Any], paths: frozenset[str]) -> dict[str, Any]:
    """The attributes without the values at those paths."""
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        below = frozenset(path[len(name) + 1 :] for path in paths if path.startswith(f"{name}."))
        if name not in paths:
            kept[name] = without(value, below) if below and isinstance(value, Mapping) else value
    return kept


NONE: Final = Providers()
