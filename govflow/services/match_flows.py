"""Flows that stand under another name than before: their file was moved, or their function was renamed."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from typing import Final

from govflow.errors import CanonicalError
from govflow.ir.diff import likeness_keys
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Plan

_SHARED: Final = 50
"""A step that more flows than this have says nothing of which of them a flow was."""


def match_flows(before: Mapping[str, Plan], after: Mapping[str, Plan]) -> dict[str, str]:
    """New name to old name, for flows that both sides have under different names.

    First those whose plan is the same, then those of which at least half of the steps do the same; the pair with the
    most in common is taken first. Linear in the number of steps.
    """
    gone = {name: plan for name, plan in before.items() if name not in after}
    new = {name: plan for name, plan in after.items() if name not in before}
    if not gone or not new:
        return {}
    pairs = _same_plan(gone, new)
    taken = set(pairs.values())
    old_keys = {name: _keys(plan) for name, plan in gone.items() if name not in taken}
    new_keys = {name: _keys(plan) for name, plan in new.items() if name not in pairs}
    _leave_out_shared(old_keys, new_keys)
    for (name, old), count in _in_common(old_keys, new_keys):
        if name in pairs or old in taken:
            continue
        if 2 * count >= max(len(new_keys[name]), len(old_keys[old])):
            pairs[name] = old
            taken.add(old)
    return pairs


def _same_plan(gone: Mapping[str, Plan], new: Mapping[str, Plan]) -> dict[str, str]:
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for name in sorted(gone):
        waiting[_hash(gone[name])].append(name)
    return {name: waiting[digest].popleft() for name in sorted(new) if waiting.get(digest := _hash(new[name]))}


def _leave_out_shared(*sides: Mapping[str, set[str]]) -> None:
    """Take out of both sides what very many flows do: it would cost much and tell nothing."""
    held = [Counter(key for keys in side.values() for key in keys) for side in sides]
    shared = {key for counted in held for key, count in counted.items() if count > _SHARED}
    for side in sides:
        for keys in side.values():
            keys.difference_update(shared)


def _in_common(old: Mapping[str, set[str]], new: Mapping[str, set[str]]) -> list[tuple[tuple[str, str], int]]:
    """Pairs of flows and how many steps they share, the closest first."""
    holders: dict[str, list[str]] = defaultdict(list)
    for name, keys in old.items():
        for key in keys:
            holders[key].append(name)
    common: Counter[tuple[str, str]] = Counter()
    for name, keys in new.items():
        for key in keys:
            common.update((name, other) for other in holders.get(key, ()))
    return sorted(common.items(), key=lambda item: (-item[1], item[0]))


def _hash(plan: Plan) -> str:
    try:
        return plan_hash(plan)
    except CanonicalError as error:
        return f"none: {error.message}"


def _keys(plan: Plan) -> set[str]:
    try:
        return set(likeness_keys(plan).values())
    except CanonicalError:
        return set()
