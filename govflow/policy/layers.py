"""Layers: several policies at once, of which the most restrictive decides.

    engine = LayeredEngine({Layer.ORG: Engine(company), Layer.FLOW: Engine(flights)})

Each layer decides by its own document: its default, its way of combining, its exceptions. So nobody makes an exception
from another layer's rule, and an inner layer can forbid more and never allow more. Rules and exceptions are named with
their layer before them: ``org/no-drop``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from govflow.errors import PolicyError
from govflow.ir.canonical import canonical_digest
from govflow.policy.engine import SEVERITY, Engine
from govflow.policy.model import Decision, PolicyRequest


class Layer(StrEnum):
    """Where a policy comes from, from the outermost in."""

    ORG = "org"
    TENANT = "tenant"
    FLOW = "flow"
    TASK = "task"


_FROM_OUTSIDE: Final = tuple(Layer)


class LayeredEngine:
    """Decides by all layers. Safe to share between threads."""

    def __init__(self, layers: Mapping[Layer, Engine]) -> None:
        """``layers``: at least one.

        Raises:
            PolicyError: there is none, and without a policy nothing may be decided.
        """
        if not layers:
            raise PolicyError("no layer holds a policy", mend="Give at least one.")
        self._layers = tuple((layer, layers[layer]) for layer in _FROM_OUTSIDE if layer in layers)
        self._digest = canonical_digest({str(layer): engine.digest for layer, engine in self._layers}, where="layers")
        self._footprint = frozenset[str]().union(*(engine.footprint for _, engine in self._layers))

    @property
    def digest(self) -> str:
        """``sha256:`` digest of which layer holds which policy."""
        return self._digest

    @property
    def footprint(self) -> frozenset[str]:
        """Attribute paths that a rule of any layer reads."""
        return self._footprint

    @property
    def layers(self) -> tuple[tuple[Layer, Engine], ...]:
        """Each layer with its engine, from the outermost in."""
        return self._layers

    @property
    def selectors(self) -> frozenset[str]:
        """The selectors that a rule or exception of any layer names."""
        return frozenset[str]().union(*(engine.selectors for _, engine in self._layers))

    def decide(self, request: PolicyRequest) -> Decision:
        """The strictest decision of any layer, of equally strict ones that of the outermost; never raises.

        Obligations are those of all layers that decide the same; ``rules`` and ``exceptions`` those of all layers.
        """
        said = [(layer, engine.decide(request)) for layer, engine in self._layers]
        layer, winner = min(said, key=lambda one: SEVERITY[one[1].effect])  # the first of the strictest
        same = [decision for _, decision in said if decision.effect is winner.effect]
        return replace(
            winner,
            rule=f"{layer}/{winner.rule}",
            policy_digest=self._digest,
            rules=tuple(f"{where}/{name}" for where, decision in said for name in decision.rules),
            obligations=tuple(dict.fromkeys(name for decision in same for name in decision.obligations)),
            exceptions=tuple(f"{where}/{name}" for where, decision in said for name in decision.exceptions),
        )
