"""Decisions that hold for a moment only: those that read the time, or what a provider of attributes says.

What no parameter can change is decided once for a run and kept. A decision that reads something fleeting is taken anew
at each call. Which decisions those are is not guessed from the policy as a whole, where one rule that ends some day
would make every step slow: the engine is asked again with attributes that note what is looked at. An evaluation that
did not look at the time comes out the same at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from govflow.policy.model import Decision, PolicyEngine, PolicyRequest


def looked_at(engine: PolicyEngine, asked: PolicyRequest, said: Decision, watched: frozenset[str]) -> frozenset[str]:
    """Those of the ``watched`` attributes on which ``said`` may depend; in doubt all of them.

    Args:
        engine: what decided.
        asked: the request, with all its attributes.
        said: what it decided.
        watched: the paths whose values may change while a run goes on.
    """
    if not watched:
        return frozenset()
    seen: set[str] = set()
    again = engine.decide(replace(asked, attributes=_Watching(asked.attributes, "", watched, seen)))
    # An engine that cannot work with such attributes answers otherwise; nothing can be told of it then.
    if (again.effect, again.rule, again.rules) != (said.effect, said.rule, said.rules):
        return watched
    return frozenset(seen)


class _Watching(Mapping[str, Any]):
    """Attributes that note which of the watched ones are looked at, also where they are missing."""

    def __init__(self, values: Mapping[str, Any], prefix: str, watched: frozenset[str], seen: set[str]) -> None:
        self._values, self._prefix = values, prefix
        self._watched, self._seen = watched, seen

    def __getitem__(self, key: str) -> Any:
        path = f"{self._prefix}{key}"
        below = self._below(f"{path}.")
        value = self._values.get(key)
        if path in self._watched:
            self._seen.add(path)
        elif below and not isinstance(value, Mapping):
            self._seen |= below
        if key not in self._values:
            raise KeyError(key)
        return (
            _Watching(value, f"{path}.", self._watched, self._seen) if below and isinstance(value, Mapping) else value
        )

    def __iter__(self) -> Iterator[str]:
        self._seen.update(self._below(self._prefix))  # what is not there is seen too, by whoever goes through it all
        return iter(self._values)

    def __len__(self) -> int:
        self._seen.update(self._below(self._prefix))
        return len(self._values)

    def _below(self, prefix: str) -> set[str]:
        return {path for path in self._watched if path.startswith(prefix)}
