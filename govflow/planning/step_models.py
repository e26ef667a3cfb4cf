"""Steps as the plan has them, made from drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from govflow.ir.models import Step, Tier
from govflow.planning.effects.strength import Judged, Models

if TYPE_CHECKING:
    from govflow.planning.recorder import Draft, Site

_SCALARS: Final = frozenset({str, int, bool, float, type(None)})


class StepModels:
    """Makes the steps of one plan.

    Most calls of a task differ in their id, their literals and where they stand. The first of each kind is validated;
    of a further one only what is new is looked at.
    """

    def __init__(self) -> None:
        self._models = Models()
        self._known: dict[tuple[object, ...], dict[str, Any]] = {}

    def step(self, draft: Draft, places: tuple[Site, ...]) -> Step:
        """The step of a draft that has its id."""
        done = self._models.judged(draft.options, draft.defaults, draft.deeds)
        parameters = tuple(draft.parameters)
        own = {
            "step_id": draft.step_id,
            "constants": draft.constants,
            "sites": tuple(map(self._models.site, places)),
        }
        key = (
            *(
                draft.kind,
                draft.callee,
                draft.options,
                draft.code,
                draft.multiplicity,
                draft.count,
                draft.reason,
                parameters,
            ),
            *(done.action, done.provider, done.resource, id(done.effects), done.unseen),  # the models hold the effects
        )
        known = self._known.get(key)
        if known is not None and _plain(draft):
            return Step.of_valid({**known, **own})
        made = _validated(draft, done, parameters, own)
        self._known[key] = made.__dict__
        return made


def _plain(draft: Draft) -> bool:
    """Whether all that a draft says for itself is valid. Its literals are under names of its parameters."""
    for name, value in draft.constants.items():
        if type(value) not in _SCALARS or name not in draft.parameters:
            return False
    return draft.step_id.isascii()


def _validated(draft: Draft, done: Judged, parameters: tuple[str, ...], own: dict[str, Any]) -> Step:
    options = draft.options
    return Step(
        kind=draft.kind,
        callee=draft.callee,
        action=done.action,
        provider=done.provider,
        resource=done.resource,
        tier=None if options.tier is None else Tier(options.tier),
        approval=options.approval,
        records=options.records,
        multiplicity=draft.multiplicity,
        count=draft.count,
        retries=options.retries,
        parameters=parameters,
        declared=done.declared,
        effects=done.effects,
        unseen=done.unseen,
        code=draft.code,
        reason=draft.reason,
        **own,
    )
