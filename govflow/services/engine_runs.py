"""Runs as an engine's server has them, and as a file holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from govflow.errors import RequestError
from govflow.services.regular_file import read_regular

_SPAN: Final = re.compile(r"(?P<count>\d{1,5})(?P<unit>[mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_MEND: Final = "Write one with: govflow reconcile --export FILE"


class EngineEnd(StrEnum):
    """How a run stands with its engine."""

    RUNNING = "running"  # or paused, or about to run
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A flow run as the server has it."""

    id: str
    flow: str
    name: str = ""
    state: EngineEnd = EngineEnd.RUNNING
    state_name: str = ""  # as the engine shows it
    state_id: str = ""  # tells one state of a run from the next
    started: bool = True  # False: it never reached a worker
    deployment: str = ""  # ``flow/name``; empty for a run without one
    alive: bool = False  # a process has to hold it: it runs, or is paused without being suspended
    guarded: bool = False  # whether that deployment has the guard or the marks of a verified plan

    @property
    def over(self) -> bool:
        """Whether the engine has done with it."""
        return self.state is not EngineEnd.RUNNING

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f"{self.flow}/{self.name}" if self.name else f"{self.flow}/{self.id}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values; :func:`read_runs` takes them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EngineRuns:
    """All runs of a server that changed since a moment."""

    since: datetime  # aware
    runs: tuple[EngineRun, ...]
    missing: tuple[str, ...] = ()  # of the ids that were asked for by name: those that the server does not know

    def to_dict(self) -> dict[str, Any]:
        """JSON values; :func:`read_runs` takes them."""
        return {
            "since": self.since.isoformat(),
            "missing": list(self.missing),
            "runs": [run.to_dict() for run in self.runs],
        }


def read_runs(path: Path) -> EngineRuns:
    """Runs from a file that ``govflow reconcile --export`` wrote.

    Raises:
        RequestError: it cannot be read, or is no such file.
    """
    try:
        held = json.loads(read_regular(path))
        since = datetime.fromisoformat(held["since"])
        if since.tzinfo is None:
            raise ValueError("'since' has no time zone")
        return EngineRuns(since, tuple(map(_run, held["runs"])), tuple(map(str, held.get("missing", ()))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(f"{path}: cannot be read as a list of runs: {error}.", mend=_MEND) from None


def start_of(text: str, now: datetime) -> datetime:
    """The moment that ``90m``, ``24h``, ``7d`` or an ISO 8601 time means.

    Raises:
        RequestError: it means none.
    """
    if (span := _SPAN.fullmatch(text.strip())) is not None:
        return now - timedelta(**{_UNITS[span["unit"]]: int(span["count"])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RequestError(
            f"{text!r} is no time to start from.", mend="Write 90m, 24h, 7d or 2026-05-01T00:00:00Z."
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _run(one: Mapping[str, Any]) -> EngineRun:
    known = {name: one[name] for name in EngineRun.__dataclass_fields__ if name in one}
    return EngineRun(**{**known, "state": EngineEnd(one.get("state", EngineEnd.RUNNING))})
