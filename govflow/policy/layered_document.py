"""Several policies as one: what they say together of approvals, people, words and tiers.

Each layer decides by itself (:mod:`govflow.policy.layers`). What is not a rule is shared, and there no inner layer may
change what an outer one says:

- an approval rule that stands in several layers says the same in each;
- people and their roles stand in the outermost layer: who writes the policy of a flow makes nobody an owner;
- words of the vocabulary and tier rules add up. A tier rule can only raise a tier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from govflow.errors import PolicyError
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import Engine
from govflow.policy.layers import Layer, LayeredEngine
from govflow.policy.rules import PolicySet


def layered(documents: Mapping[Layer, PolicyDocument]) -> PolicyDocument:
    """The document that stands for all layers; its ``layers`` hold them, its rules are named ``org/no-drop``.

    Args:
        documents: at least one.

    Raises:
        PolicyError: there is none, or two layers contradict each other.
    """
    parts = {layer: documents[layer] for layer in Layer if layer in documents}
    engine = LayeredEngine({layer: Engine(part) for layer, part in parts.items()})
    outermost = next(iter(parts.values()))
    for layer, part in parts.items():
        _refuse_people(layer, part, outermost)
    return replace(
        outermost,
        where=", ".join(f"{layer}={part.where}" for layer, part in parts.items()),
        policy=_together(parts),
        approvals=_approvals(parts),
        actions=tuple(dict.fromkeys(chain.from_iterable(part.actions for part in parts.values()))),
        providers=tuple(dict.fromkeys(chain.from_iterable(part.providers for part in parts.values()))),
        tiers=tuple(chain.from_iterable(part.tiers for part in parts.values())),
        digest=engine.digest,
        layers={str(layer): part for layer, part in parts.items()},
    )


def engine_of(document: PolicyDocument) -> Engine | LayeredEngine:
    """What decides by a document: by all its layers, where it has some."""
    if not document.layers:
        return Engine(document)
    return LayeredEngine({Layer(layer): Engine(part) for layer, part in document.layers.items()})


def _together(parts: Mapping[Layer, PolicyDocument]) -> PolicySet:
    """All rules under the names that decisions give them; to be shown and compared, not to be decided by."""
    first = next(iter(parts.values())).policy
    rules = [
        rule.model_copy(update={"name": f"{layer}/{rule.name}"})
        for layer, part in parts.items()
        for rule in part.policy.rules
    ]
    exceptions = [
        one.model_copy(update={"name": f"{layer}/{one.name}", "rule": f"{layer}/{one.rule}"})
        for layer, part in parts.items()
        for one in part.policy.exceptions
    ]
    bands = {f"{layer}/{name}": band for layer, part in parts.items() for name, band in part.policy.bands.items()}
    name = " + ".join(part.policy.name for part in parts.values())
    return first.model_copy(
        update={"name": name, "rules": tuple(rules), "exceptions": tuple(exceptions), "bands": bands}
    )


def _approvals(parts: Mapping[Layer, PolicyDocument]) -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, tuple[Layer, Mapping[str, Any]]] = {}
    for layer, part in parts.items():
        for name, rule in part.approvals.items():
            outer, said = found.setdefault(name, (layer, rule))
            if said != rule:
                raise PolicyError(
                    f"{part.where}: approvals.{name}: layer {outer} ({parts[outer].where}) says something else.",
                    mend="Say the same there, or give it another name.",
                    details={"file": part.where, "field": f"approvals.{name}"},
                )
    return {name: rule for name, (_, rule) in found.items()}


def _refuse_people(layer: Layer, part: PolicyDocument, outermost: PolicyDocument) -> None:
    for name, person in part.principals.items():
        if outermost.principals.get(name) != person:
            raise PolicyError(
                f"{part.where}: principals.{name}: layer {layer} may not say who has which role.",
                mend=f"Move it to the outermost layer, {outermost.where}.",
                details={"file": part.where, "field": f"principals.{name}"},
            )
