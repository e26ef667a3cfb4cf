"""What stands between an approved plan and the one that was loaded.

Equal hashes end it at once. Otherwise steps are matched in four passes, each O(V): same id and same hash (unchanged),
same hash under another id (moved), same id with another hash (changed), and of what is left the same under another name
(moved and changed: a renamed function, a moved file). The rest was added or removed. Edges are
compared at their target, with moved steps counted as themselves, so inserting a step shows as one added step and one
rewired one. The whole is O(V + E), plus a sort of positions where steps changed places.

Every difference of meaning is reported: a diff of two plans is empty exactly when their hashes are equal.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from operator import attrgetter, eq
from typing import Any, Final, NamedTuple

from govflow.ir.canonical import canonical_digest
from govflow.ir.changes import Changed, ChangeKind, FieldChange, Moved, PlanDiff, Rewired
from govflow.ir.hashing import plan_content, plan_hash, step_content, step_hashes
from govflow.ir.models import Edge, EdgeKind, Plan, Step
from govflow.ir.order import out_of_order
from govflow.ir.sameness import surely_same

_ends: Final = attrgetter("source", "target", "kind")
_DEFAULT_RESOURCES: Final = ("task://", "flow://")
"""What a step that declares no resource has: its name again."""


def diff(
    approved: Plan,
    loaded: Plan,
    *,
    approved_hash: str | None = None,
    loaded_hash: str | None = None,
    approved_steps: Mapping[str, str] | None = None,
    loaded_steps: Mapping[str, str] | None = None,
) -> PlanDiff:
    """Everything that changed from ``approved`` to ``loaded``.

    Args:
        approved: what a person agreed to.
        loaded: what the code says now. The two must come from different readings; that is the caller's duty.
        approved_hash: ``plan_hash(approved)``, where the caller has checked it already.
        loaded_hash: ``plan_hash(loaded)``, likewise. With both, an unchanged plan costs one comparison.
        approved_steps: ``step_hashes(approved)``, where values of the plan were masked after it was hashed.
        loaded_steps: likewise.

    Raises:
        CanonicalError: a hash was not given and the plan has none.
    """
    if approved_hash is not None and approved_hash == loaded_hash:
        return PlanDiff(approved_hash, loaded_hash)
    # A plan hash needs the hash of every step. With both given, steps that are equal field by field need none.
    plain = approved_hash and loaded_hash and approved_steps is None and loaded_steps is None
    same = surely_same(approved, loaded) if plain else frozenset[str]()
    before = dict(approved_steps) if approved_steps is not None else step_hashes(approved, same)
    after = dict(loaded_steps) if loaded_steps is not None else step_hashes(loaded, same)
    old_hash = approved_hash or plan_hash(approved, before)
    new_hash = loaded_hash or plan_hash(loaded, after)
    if old_hash == new_hash:
        return PlanDiff(old_hash, new_hash)
    pairs = _match(before, after)
    pairs = _with_renamed(pairs, approved, loaded)
    kept = set(pairs.values())
    old_steps = {step.step_id: step for step in approved.steps}
    new_steps = {step.step_id: step for step in loaded.steps}
    return PlanDiff(
        approved_hash=old_hash,
        loaded_hash=new_hash,
        added=tuple(step for step in loaded.steps if step.step_id not in kept),
        removed=tuple(step for step in approved.steps if step.step_id not in pairs),
        changed=tuple(
            _changed(old_steps[name], new_steps[new]) for name, new in pairs.items() if before[name] != after[new]
        ),
        moved=_moves(pairs, old_steps, new_steps),
        rewired=_rewired(pairs, approved, loaded, before, after),
        plan=_plan_fields(approved, loaded),
    )


def _match(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Old step id to new step id, in the old order, for every step that both plans have."""
    pairs = {name: name for name, value in before.items() if after.get(name) == value}
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for name, value in after.items():
        if name not in pairs:
            waiting[value].append(name)
    for name, value in before.items():
        if name not in pairs and waiting.get(value):
            pairs[name] = waiting[value].popleft()
    taken = set(pairs.values())
    for name in before:
        if name not in pairs and name in after and name not in taken:
            pairs[name] = name
    return {name: pairs[name] for name in before if name in pairs}


def _with_renamed(pairs: dict[str, str], approved: Plan, loaded: Plan) -> dict[str, str]:
    """The pairs, and with them steps that are the same but for the name of what they call."""
    taken = set(pairs.values())
    gone = [step for step in approved.steps if step.step_id not in pairs]
    new = [step for step in loaded.steps if step.step_id not in taken]
    if not gone or not new:
        return pairs
    waiting: dict[str, deque[str]] = defaultdict(deque)
    for step in new:
        waiting[_likeness(step)].append(step.step_id)
    found = dict(pairs)
    for step in gone:
        if alike := waiting.get(_likeness(step)):
            found[step.step_id] = alike.popleft()
    return {step.step_id: found[step.step_id] for step in approved.steps if step.step_id in found}


def likeness_keys(plan: Plan) -> dict[str, str]:
    """Step id to a digest of what the step does, whatever the names of its function, file and flow.

    Raises:
        CanonicalError: a constant has no canonical form.
    """
    return {step.step_id: _likeness(step) for step in plan.steps}


def _likeness(step: Step) -> str:
    content = step_content(step)
    del content["callee"]
    if step.resource.startswith(_DEFAULT_RESOURCES):
        del content["resource"]
    return canonical_digest(content, f"step {step.step_id}")


def _changed(old: Step, new: Step) -> Changed:
    return Changed(new.step_id, old, new, _fields(step_content(old), step_content(new)))


def _plan_fields(old: Plan, new: Plan) -> tuple[FieldChange, ...]:
    """Changes of the flow itself; parameters by name, their order where the names are the same."""
    left, right = plan_content(old), plan_content(new)
    names = [[parameter.pop("name") for parameter in side["parameters"]] for side in (left, right)]
    for side, order in zip((left, right), names, strict=True):
        side["parameters"] = dict(zip(order, side["parameters"], strict=True))
        if sorted(names[0]) == sorted(names[1]):
            side["parameter_order"] = order
    return _fields(left, right)


def _fields(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> tuple[FieldChange, ...]:
    """Field-by-field changes; mappings (``constants``) are entered, other values compared whole."""
    changes: list[FieldChange] = []
    for name in dict.fromkeys((*old, *new)):
        place = prefix + name
        if name not in new:
            changes.append(FieldChange(place, ChangeKind.REMOVED, old[name], None))
        elif name not in old:
            changes.append(FieldChange(place, ChangeKind.ADDED, None, new[name]))
        elif isinstance(old[name], dict) and isinstance(new[name], dict):
            changes.extend(_fields(old[name], new[name], place + "."))
        elif not _same(old[name], new[name]):
            changes.append(FieldChange(place, ChangeKind.CHANGED, old[name], new[name]))
    return tuple(changes)


def _same(left: Any, right: Any) -> bool:
    """Equal as JSON: ``True`` is not ``1``; the hash tells them apart, so the diff must."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _moves(pairs: dict[str, str], before: dict[str, Step], after: dict[str, Step]) -> tuple[Moved, ...]:
    """Steps under another id, and steps that changed places among those that both plans have."""
    places = {name: index for index, name in enumerate(before)}, {name: index for index, name in enumerate(after)}
    jumped = out_of_order([places[1][new] for new in pairs.values()])
    return tuple(
        Moved(old, new, places[0][old], places[1][new])
        for index, (old, new) in enumerate(pairs.items())
        if old != new or index in jumped
    )


def _rewired(
    pairs: dict[str, str], approved: Plan, loaded: Plan, before: dict[str, str], after: dict[str, str]
) -> tuple[Rewired, ...]:
    """Steps that both plans have and that follow other steps, or follow them for another reason."""
    elsewhere = _other_targets(pairs, approved, loaded)
    if not elsewhere:
        return ()
    # Late, and of these steps alone: most plans that differ have the same edges.
    from govflow.ir.graph import graph

    found = {old: new for old, new in pairs.items() if new in elsewhere}
    was_drawn, now_drawn = graph(approved, before, into=found.keys()), graph(loaded, after, into=elsewhere)
    changes: list[Rewired] = []
    for old, new in found.items():
        # A removed step's id may belong to another step now: `gone` keeps the two apart.
        was = {
            _Source(pairs.get(source, source), source not in pairs, kind)
            for source, data in was_drawn.pred[old].items()
            for kind in data["kinds"]
        }
        now = {_Source(source, False, kind) for source, data in now_drawn.pred[new].items() for kind in data["kinds"]}
        changes.append(Rewired(new, _edges(now - was, new), _edges(was - now, new)))
    return tuple(changes)


def _other_targets(pairs: dict[str, str], approved: Plan, loaded: Plan) -> set[str]:
    """The steps, by their new ids, whose edges are not those that they had."""
    same_ids = all(map(eq, pairs, pairs.values()))
    if same_ids and list(map(_ends, approved.edges)) == list(map(_ends, loaded.edges)):
        return set()  # what both plans hold is paired with itself
    kept = set(pairs.values())
    was = {
        (pairs.get(edge.source, edge.source), edge.source not in pairs, pairs[edge.target], edge.kind)
        for edge in approved.edges
        if edge.target in pairs
    }
    now = {(edge.source, False, edge.target, edge.kind) for edge in loaded.edges if edge.target in kept}
    return {target for _, _, target, _ in was ^ now}


class _Source(NamedTuple):
    """Where an edge comes from: a step of the loaded plan, or one that is gone."""

    step_id: str
    gone: bool
    kind: str


def _edges(sources: set[_Source], target: str) -> tuple[Edge, ...]:
    return tuple(Edge(source=s.step_id, target=target, kind=EdgeKind(s.kind)) for s in sorted(sources))
