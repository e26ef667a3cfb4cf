"""docs/routes.md: the matrix, as it was seen when the tests ran. Nothing in it differs from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.prefect.routes.table import NOT_RUN, Route, Seen

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "routes.md"

INTRO: Final = """# Ways to a body

Every way that leads to the body of a risky step, tried on a real Prefect server in enforce mode, with a policy that
asks a person about each step of tier 2 or 3. This page is written by the test that tries them
(`tests/prefect/test_routes.py`; `python -m tests.routes_page` writes it anew), and the test fails where the page is not
what happens.

The body writes a line to a file. **Body ran** says whether the file was there before anybody approved. Then, wherever
somebody is asked, another person approves: **with approval** says `runs` if the planned body has then run once. That
shows that the measure works, and that what was tried before had started nothing. **State** is the run's state in
Prefect before that approval, with the server's answer to what was tried; **log** is what the audit log says of the run
by then. `ir.approval_created` is the question. Steps that ran as planned are left out.

Rows that say **yes** cannot be stopped from inside a process: a direct call of a plain Python function is no business
of Prefect's. [Security](security.md) says what follows from that.
"""

COLUMNS: Final = ("route", "what was tried", "body ran", "with approval", "state", "log", "what stops it")


def page(rows: Iterable[tuple[Route, Seen | None]]) -> str:
    """The page; None for a route that is not gone where the tests run."""
    parts = [INTRO]
    for family, members in groupby(rows, key=lambda row: row[0].family):
        parts.append(f"## {family}\n")
        parts.append(_table([_cells(route, seen) for route, seen in members]))
    return "\n".join(parts)


def _cells(route: Route, seen: Seen | None) -> Sequence[str]:
    if seen is None:
        return (route.name, route.tried, NOT_RUN, NOT_RUN, "", "", f"{route.stops} (`pytest -m ray`)")
    log = ", ".join(f"`{event}`" for event in seen.log) or "-"
    return (route.name, route.tried, "**yes**" if seen.ran else "no", seen.approved, seen.state, log, route.stops)


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
