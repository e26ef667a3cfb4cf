"""The governed runs of a tenant, newest first, and how the log says that each stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from govflow.audit.body import parse_body
from govflow.errors import RequestError
from govflow.services.run_history import LoggedEnd, RunHistory
from govflow.services.workspace import Workspace
from govflow.store.run_pages import MOST, OpenedRun, Place
from govflow.store.times import micros, moment

PLACE: Final = r"^([0-9]{1,16})~(.{1,250})$"
"""A place in the list: when a run was opened, in microseconds since 1970, and its id."""
_PLACE: Final = re.compile(PLACE, re.DOTALL)
_TELLING: Final = (
    *("ir.validated_pass", "ir.validated_escalate", "ir.validated_reject"),
    *("run.refused", "run.closed"),
)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run and how it stands: open, refused, failed or done."""

    run: OpenedRun
    end: LoggedEnd


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Rows, newest first; ``next`` is where the next page begins, None at the end."""

    runs: tuple[ListedRun, ...]
    next: str | None


def list_runs(workspace: Workspace, *, before: str | None = None, flow: str | None = None, limit: int = 50) -> RunsPage:
    """One page of runs.

    Args:
        workspace: whose store and tenant.
        before: the ``next`` of the page before.
        flow: of this flow only.
        limit: rows, 1 to 200.

    Raises:
        RequestError: ``before`` or ``limit`` cannot be used.
    """
    if not 1 <= limit <= MOST:
        raise RequestError(f"limit {limit}: a page has 1 to {MOST} rows.", mend="Give another limit.")
    tenant, store = workspace.settings.tenant, workspace.store
    store.flush()
    found = store.run_pages.page(tenant, before=_place(before), limit=limit + 1, flow=flow)
    shown = found[:limit]
    last = store.run_pages.last_events(tenant, [run.run_id for run in shown], _TELLING)
    runs = tuple(ListedRun(run, _end(last.get(run.run_id))) for run in shown)
    more = len(found) > limit
    return RunsPage(runs, f"{micros(shown[-1].opened_at)}~{shown[-1].run_id}" if more else None)


def _end(body: bytes | None) -> LoggedEnd:
    history = RunHistory()
    if body is not None:
        history.take(parse_body(body), {})
    return history.end


def _place(written: str | None) -> Place | None:
    if written is None:
        return None
    found = _PLACE.fullmatch(written)
    if found is None:
        raise RequestError(
            "before: this is no place in the list of runs.", mend="Give the 'next' of the page before, or nothing."
        )
    return moment(int(found[1])), found[2]
