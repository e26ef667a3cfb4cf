"""Decisions by what they depend on: a key of just those attributes that the rules read.

A request holds much that no rule asks for. Two requests with one key get one decision, so what is decided once need not
be decided again. The digest of the policy is part of each key: a memo that outlives a policy serves nothing stale.

Deciding with compiled rules takes some two microseconds, so this pays where many rules are asked and attributes are
few, and elsewhere nothing is remembered; a key by hash of the whole request was measured to cost more than deciding.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Hashable, Mapping
from typing import Any, Final

from govflow.policy.attributes import Reader, reader
from govflow.policy.engine import Engine
from govflow.policy.layers import LayeredEngine
from govflow.policy.model import Decision, PolicyRequest

MAX_KEPT: Final = 8192  # then it begins anew

_FEW_RULES: Final = 64
_FEW_ATTRIBUTES: Final = 12
"""A few rules that read more than this decide sooner than the key of a request is made."""

_CARRIED: Final = {"step.tier", "run.mode"}  # that a decision repeats
_OF_THE_REQUEST: Final = ("action", "provider", "resource")


class Memo:
    """An engine that remembers. Safe to share between threads: entries are only added, and all of them dropped.

    ``remembers`` is false where that would cost more than deciding: a few rules that read many attributes.
    """

    def __init__(self, engine: Engine | LayeredEngine) -> None:
        self._engine = engine
        self._selectors = engine.selectors
        paths = {path for path in engine.footprint | _CARRIED if path.partition(".")[0] not in _OF_THE_REQUEST}
        shallow = {path for path in paths if path.count(".") == 1}
        keys: dict[str, list[str]] = {}
        for space, _, key in sorted(path.partition(".") for path in shallow):
            keys.setdefault(space, []).append(key)
        self._spaces = tuple((space, tuple(held)) for space, held in keys.items())
        self._readers: tuple[Reader, ...] = tuple(reader(path) for path in sorted(paths - shallow))
        self._asks_provider = "provider" in engine.footprint
        few = isinstance(engine, Engine) and sum(1 for _ in engine) <= _FEW_RULES
        self.remembers = not few or len(paths) <= _FEW_ATTRIBUTES
        self._who: dict[frozenset[str], str] = {}
        self._kept: dict[Hashable, Decision] = {}

    @property
    def digest(self) -> str:
        """That of the engine."""
        return self._engine.digest

    @property
    def footprint(self) -> frozenset[str]:
        """That of the engine."""
        return self._engine.footprint

    def decide(self, request: PolicyRequest) -> Decision:
        """What the engine says; never raises."""
        key = self.key(request) if self.remembers else None
        if key is None:
            return self._engine.decide(request)
        decision = self._kept.get(key)
        if decision is None:
            decision = self._engine.decide(request)
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = decision
        return decision

    def key(self, request: PolicyRequest) -> Hashable | None:
        """All that the decision depends on; ``None`` where a value has no key."""
        try:
            who = self._who.get(request.selectors)
            if who is None:
                who = self._asks(request.selectors)
            values: list[Any] = [who, request.action, request.resource]
            if self._asks_provider:
                values.append(request.provider)
            attributes = request.attributes
            for space, keys in self._spaces:
                held = attributes.get(space)
                if held.__class__ is dict:
                    values.extend(map(held.get, keys))
                elif held is None:
                    values += (None,) * len(keys)
                else:
                    values += [_key_of(held, key) for key in keys]
            if self._readers:
                values += [read(request, "") for read in self._readers]
            try:
                return marshal.dumps(values, 0)  # each type has a mark there; version 0 writes a value in one way only
            except ValueError:  # a time, a value of an enumeration
                return tuple((value.__class__, _frozen(value)) for value in values)
        except Exception:  # noqa: BLE001 - the engine says what is wrong with the request
            return None

    def _asks(self, selectors: frozenset[str]) -> str:
        """The policy, and those of the selectors that its rules name, as text. The same people ask again and again."""
        if len(self._who) >= MAX_KEPT:
            self._who.clear()
        named = self._who[selectors] = json.dumps([self._engine.digest, *sorted(self._selectors & selectors)])
        return named


def _key_of(held: Any, key: str) -> Any:
    """The value in a mapping that is no plain dictionary.

    Raises:
        TypeError: it is no mapping.
    """
    if not isinstance(held, Mapping):
        raise TypeError("not a mapping")
    return held.get(key)


def _frozen(value: Any) -> Hashable:
    """The value as part of a key: members of a list with their types.

    Raises:
        TypeError: it has no such form.
    """
    if isinstance(value, Mapping):
        raise TypeError("mapping")
    if isinstance(value, list | tuple):
        return tuple((item.__class__, _frozen(item)) for item in value)
    if isinstance(value, set | frozenset):
        return frozenset((item.__class__, item) for item in value)
    hash(value)
    return value  # type: ignore[no-any-return]  # it was just hashed
