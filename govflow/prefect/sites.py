"""The call seam: which planned step does this call belong to?

The engine loses the caller's frame before a body runs, so the question is asked when the task is called. The frames
from the call up to the flow's body give a chain of ``(code, instruction)`` pairs; :meth:`Sites.find` turns it into step
ids once and remembers the answer. Positions come from ``co_positions()``, so three calls on one line are told apart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from govflow.ir.models import Plan
from govflow.planning.sites import SiteIndex

NOWHERE: frozenset[str] = frozenset()
_REMEMBERED: Final = 4096  # ways through helpers to a call; recursion makes many of one

Position = tuple[str, int, int]
OUTER: Final[ContextVar[tuple[Position, ...]]] = ContextVar("govflow_outer_site", default=())
"""Where the task stands whose body runs, innermost call first: a submitted task has no frame of its flow above it."""


class Sites:
    """Call sites of one plan, looked up by frame. Safe to share between threads: entries are only ever added."""

    def __init__(self, plan: Plan, flow_file: str, flow_code: CodeType) -> None:
        self._index = SiteIndex(plan)
        folder = Path(flow_file).parent
        self._files = {os.path.realpath(folder / name): name for name in self._index.files}
        self._names: dict[str, str | None] = {}  # co_filename as the interpreter spells it → name in the plan
        self.flow_code = flow_code
        self.nesting = _nesting(plan)
        self._direct: dict[tuple[int, int], tuple[CodeType, frozenset[str]]] = {}
        self._chains: dict[tuple[object, ...], tuple[tuple[CodeType, ...], frozenset[str]]] = {}

    def find(self, frame: FrameType | None) -> frozenset[str]:
        """The planned steps that a call made in ``frame`` may be; empty when it is none."""
        if frame is not None and frame.f_code is self.flow_code:
            # The common case: the flow's body calls the task itself. Code objects are held, so ids stay unique.
            key = (id(frame.f_code), frame.f_lasti)
            known = self._direct.get(key)
            if known is None:
                known = (frame.f_code, self._resolve([(frame.f_code, frame.f_lasti)]))
                self._direct[key] = known
            return known[1]
        return self._find_through_helpers(frame)

    def handed_over(self, name: str | None) -> frozenset[str]:
        """The steps whose task, by its name in the plan, is given to other code: a thread, a pool, ``map``."""
        return NOWHERE if name is None else self._index.handed_over(name)

    def _find_through_helpers(self, frame: FrameType | None) -> frozenset[str]:
        """As :meth:`find`, by all frames up to the flow's. Which files they are of is looked at once for a chain."""
        flow_code, codes, found = self.flow_code, [], []
        while frame is not None:
            code = frame.f_code
            codes.append(code)
            found.append(id(code))
            found.append(frame.f_lasti)
            if code is flow_code:
                break
            frame = frame.f_back
        outer = OUTER.get() if frame is None else ()
        key = (outer, *found)
        known = self._chains.get(key)
        if known is None:
            if len(self._chains) >= _REMEMBERED:
                self._chains.clear()
            chain = zip(codes, found[1::2], strict=True)
            ours = [(code, at) for code, at in chain if self._file_of(code) is not None]
            known = self._chains[key] = (tuple(codes), self._resolve(ours, outer))
        return known[1]

    def _resolve(self, chain: list[tuple[CodeType, int]], outer: tuple[Position, ...] = ()) -> frozenset[str]:
        positions: list[Position] = []
        for code, at in chain:
            name = self._file_of(code)
            end = _call_end(code, at)
            if name is not None and end is not None:
                positions.append((name, *end))
        return self._index.resolve([*positions, *outer]) if positions else NOWHERE

    def _file_of(self, code: CodeType) -> str | None:
        filename = code.co_filename
        if filename not in self._names:
            self._names[filename] = self._files.get(os.path.realpath(filename))
        return self._names[filename]


def _nesting(plan: Plan) -> Mapping[str, tuple[Position, ...]]:
    """The sites, innermost first, of the steps below whose call other steps stand."""
    chains = {s.step_id: tuple((at.file, at.end_line, at.end_column) for at in s.sites) for s in plan.steps if s.sites}
    below = {chain[:length] for chain in chains.values() for length in range(1, len(chain))}
    return {step_id: chain[::-1] for step_id, chain in chains.items() if chain in below}


def _call_end(code: CodeType, at: int) -> tuple[int, int] | None:
    """Where the call that instruction ``at`` makes ends in the source: line from 1, UTF-8 column from 0.

    The end names a call node uniquely, and unlike its start is the same for attribute chains over several lines.
    """
    for index, (_, end_line, _, end_column) in enumerate(code.co_positions()):
        if index == at // 2:
            return None if end_line is None or end_column is None else (end_line, end_column)
    return None
