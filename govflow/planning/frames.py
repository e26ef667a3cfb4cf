"""Where a reading is: inside which function or module, on one of several paths, where code runs more than once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from govflow.planning.arguments import Arguments
from govflow.planning.effects.deeds import Deeds
from govflow.planning.modules import SourceModule
from govflow.planning.options import Option
from govflow.planning.recorder import Place
from govflow.planning.scopes import Scope
from govflow.planning.values import Value

if TYPE_CHECKING:
    from govflow.planning.machine import Machine


@dataclass(eq=False)
class Frame:
    """A function that is being read, or the top level of a module."""

    module: SourceModule
    qualname: str
    scope: Scope
    place: Place | None  # None: nothing is recorded
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)
    recursed: bool = False
    deeds: Deeds = field(default_factory=Deeds)  # what it does to the world
    again: list[Deeds] = field(default_factory=list)  # of steps that call it while it is read
    below: set[int] | None = None  # steps below its place, once a call of itself has asked for them
    inner: list[Arguments] = field(default_factory=list)  # what calls of itself inside it give


@dataclass(frozen=True)
class UsedFunction:
    """A function whose body the plan depends on. ``path`` is relative to the tree."""

    path: str
    qualname: str
    line: int
    role: str


class CodeReader(Protocol):
    """Gives digests of bodies (:class:`govflow.planning.bodies.Bodies`)."""

    def digest_of(self, value: Value, role: str) -> str:
        """``sha256:`` digest of a callable."""

    def with_options(self, code: str, options: tuple[Option, ...]) -> str:
        """A digest of code together with the options that decide whether and how it runs."""

    def with_imports(self, code: str, paths: Iterable[str]) -> str:
        """A digest of code together with what runs when these files and those that they import are imported."""


# What is entered for every function and branch: a generator as a context manager costs more than what it counts.


class Reading:
    """Being inside a function or module."""

    __slots__ = ("_frame", "_machine", "_saved")

    def __init__(self, machine: Machine, frame: Frame) -> None:
        self._machine, self._frame = machine, frame

    def __enter__(self) -> None:
        machine = self._machine
        self._saved = machine.frame, machine.scope, machine.at
        machine.reach_out()
        machine.frame, machine.scope = self._frame, self._frame.scope
        machine.depth += 1

    def __exit__(self, *error: object) -> None:
        machine = self._machine
        machine.depth -= 1
        machine.frame, machine.scope, machine.at = self._saved


class Maybe:
    """Being on one of several paths."""

    __slots__ = ("_machine", "_when")

    def __init__(self, machine: Machine, when: bool) -> None:
        self._machine, self._when = machine, when

    def __enter__(self) -> None:
        self._machine.optional += self._when

    def __exit__(self, *error: object) -> None:
        self._machine.optional -= self._when


class Repeatedly:
    """Being where code runs any number of times."""

    __slots__ = ("_machine", "_rounds", "_times", "_when")

    def __init__(self, machine: Machine, when: bool, times: int | None) -> None:
        self._machine, self._when, self._times = machine, when, times

    def __enter__(self) -> None:
        machine = self._machine
        self._rounds = machine.rounds
        machine.many += self._when
        if self._when:
            machine.multiply(self._times)

    def __exit__(self, *error: object) -> None:
        self._machine.many -= self._when
        self._machine.rounds = self._rounds
