"""From a running call back to its planned step.

At run time a call is known by the frames above it: for each frame of a planned file, the position of the instruction
that is being executed. The end of that position is the end of the ``ast.Call`` node, also for a method call that is
spread over lines (its start is moved to the attribute).
"""

from __future__ import annotations

from collections.abc import Sequence

from govflow.ir.models import Plan, StepKind
from govflow.planning.vocabulary import HANDED_OVER

Position = tuple[str, int, int]
"""File relative to the folder of the flow's file, end line (from 1), end column (UTF-8 bytes, from 0)."""


class SiteIndex:
    """Finds the planned step of a call."""

    def __init__(self, plan: Plan) -> None:
        chains: dict[tuple[Position, ...], set[str]] = {}
        innermost: dict[Position, set[str]] = {}
        nodes: set[Position] = set()
        handed: dict[str, set[str]] = {}
        for step in plan.steps:
            if step.kind in (StepKind.HOOK, StepKind.BODY) or not step.sites:
                continue
            chain = tuple((site.file, site.end_line, site.end_column) for site in step.sites)
            chains.setdefault(chain, set()).add(step.step_id)
            innermost.setdefault(chain[-1], set()).add(step.step_id)
            nodes.update(chain)
            names = step.constants.get(HANDED_OVER)
            for name in names if isinstance(names, list) else ():
                handed.setdefault(str(name), set()).add(step.step_id)
        self._chains = {chain: frozenset(ids) for chain, ids in chains.items()}
        self._innermost = {position: frozenset(ids) for position, ids in innermost.items()}
        self._nodes = frozenset(nodes)
        self._handed = {name: frozenset(ids) for name, ids in handed.items()}
        self.files = frozenset(position[0] for position in nodes)

    def resolve(self, chain: Sequence[Position]) -> frozenset[str]:
        """The steps that a call may be.

        Args:
            chain: positions of all frames in planned files, innermost first, up to and with the flow's body.

        Returns:
            The planned step of exactly this chain. Where the chain is broken (a thread, a task of an event loop, a
            generator), every step whose innermost site is this one. Nothing for a call that is not planned: also one
            that stands unplanned inside a function whose own call is planned.
        """
        if not chain or chain[0] not in self._nodes:
            return frozenset()
        known = tuple(position for position in reversed(chain) if position in self._nodes)
        exact = self._chains.get(known)
        return exact if exact is not None else self._innermost.get(chain[0], frozenset())

    def handed_over(self, callee: str) -> frozenset[str]:
        """The steps whose task is given to other code, which may call ``callee``: a thread, a pool, ``map``.

        Such a call arrives without a frame of the flow, or from a place that is no planned call. Ask here when
        :meth:`resolve` finds nothing.

        Args:
            callee: name of the task or flow in the plan, as in ``Step.callee``.
        """
        return self._handed.get(callee, frozenset())
