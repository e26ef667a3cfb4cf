"""The order of sections and fields: that in which the models, and the pages, name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from govflow.policy.approval_shape import BELOW, ApprovalShape
from govflow.policy.exemptions import PolicyException
from govflow.policy.formatting.tree import Collection, Entry, Root
from govflow.policy.rollout import Rollout
from govflow.policy.rules import Band, PolicyRule
from govflow.policy.shape import PolicyFile, PrincipalShape

_POLICY: Final = ("name", "description", "default", "combining", "bands", "rules", "exceptions")


def ordered(root: Root) -> Root:
    """``root`` with its entries in order. Names, conditions and whatever is not known keep the author's order."""
    _sort(root.mapping, PolicyFile.model_fields)
    policy = _below(root.mapping, "policy")
    _sort(policy, _POLICY)
    for rule in _each(_below(policy, "rules")):
        _sort(rule, PolicyRule.model_fields)
        _sort(_below(rule, "rollout"), Rollout.model_fields)
    for exception in _each(_below(policy, "exceptions")):
        _sort(exception, PolicyException.model_fields)
    for band in _each(_below(policy, "bands")):
        _sort(band, Band.model_fields)
    for approval in _each(_below(root.mapping, "approvals")):
        _sort(approval, ApprovalShape.model_fields)
        _sort_below(approval)
    for principal in _each(_below(root.mapping, "principals")):
        _sort(principal, PrincipalShape.model_fields)
    return root


def _sort_below(mapping: Collection) -> None:
    """The same for what stands in the fields of an approval rule, however deep."""
    for field, shape in BELOW.items():
        found = _below(mapping, str(field))
        for one in [found] if found is not None and found.is_map else list(_each(found)):
            _sort(one, shape.model_fields)
            _sort_below(one)


def _sort(mapping: Collection | None, names: Iterable[str]) -> None:
    if mapping is None or not mapping.is_map:
        return
    rank = {name: number for number, name in enumerate(names)}
    mapping.entries.sort(key=lambda entry: rank.get(_name(entry), len(rank)))  # stable: the rest as it was


def _name(entry: Entry) -> str:
    return entry.key.value if entry.key is not None else ""


def _below(mapping: Collection | None, name: str) -> Collection | None:
    if mapping is None or not mapping.is_map:
        return None
    found = next((entry.value for entry in mapping.entries if _name(entry) == name), None)
    return found if isinstance(found, Collection) else None


def _each(collection: Collection | None) -> Iterator[Collection]:
    for entry in collection.entries if collection is not None else ():
        if isinstance(entry.value, Collection):
            yield entry.value
