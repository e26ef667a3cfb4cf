"""The rows of the route matrix: what was tried, how, and what somebody saw who looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.prefect.routes.bench import Bench

NOT_RUN: Final = "not run here"


@dataclass(frozen=True)
class Seen:
    """What became of a run that went along a route."""

    ran: bool  # before anybody approved, and at the end of a run that nobody approved
    state: str  # of the run in Prefect, before anybody answered
    log: tuple[str, ...]  # what the log says of it by then
    approved: str  # what came of an approval by another person: "runs", or "-" where nobody is asked


@dataclass(frozen=True)
class Route:
    """One way to the body of a risky step."""

    family: str
    name: str
    tried: str
    stops: str  # what stops it, or why nothing does
    play: Callable[[Bench], Seen]
    open: bool = False  # the body runs, and no process of its own could stop that
    marks: tuple[Any, ...] = field(default=())

    @property
    def is_run(self) -> bool:
        """Whether it is gone wherever the tests run."""
        return not self.marks

    @property
    def slug(self) -> str:
        """A name for files and modules."""
        words = f"{self.family} {self.name}" if self.name.startswith(("control", "`set_state`")) else self.name
        return "".join(letter if letter.isalnum() else "_" for letter in words.lower())


ROUTES: Final[list[Route]] = []


def route(
    family: str, name: str, tried: str, stops: str, *, open: bool = False, marks: tuple[Any, ...] = ()
) -> Callable[[Callable[[Bench], Seen]], Callable[[Bench], Seen]]:
    """Put a row into the table; the function goes the way and says what it saw."""

    def add(play: Callable[[Bench], Seen]) -> Callable[[Bench], Seen]:
        ROUTES.append(Route(family, name, tried, stops, play, open, marks))
        return play

    return add
