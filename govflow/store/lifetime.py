"""Writers over the life of a process: held still while it forks, drained when it ends."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Final, Protocol


class Followed(Protocol):
    """What has to know of forks and of the end of the process."""

    @property
    def closed(self) -> bool:
        """Whether it has nothing to do any more."""

    def before_fork(self) -> None:
        """Hold all locks."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Become another."""

    def close(self) -> None:
        """The process ends."""


_FOLLOWED: Final[list[weakref.ref[Followed]]] = []
_forking: Final[list[Followed]] = []


def follow(writer: Followed) -> None:
    """Tell ``writer`` of forks and of the end. It can go like any other object."""
    _FOLLOWED.append(weakref.ref(writer))


def _living() -> list[Followed]:
    alive = [writer for reference in _FOLLOWED if (writer := reference()) is not None and not writer.closed]
    _FOLLOWED[:] = [weakref.ref(writer) for writer in alive]
    return alive


def _before_fork() -> None:
    _forking[:] = _living()
    for writer in _forking:
        writer.before_fork()


def _after_fork_in_parent() -> None:
    for writer in reversed(_forking):
        writer.after_fork_in_parent()
    _forking.clear()


def _after_fork_in_child() -> None:
    for writer in _forking:
        writer.after_fork_in_child()
    _forking.clear()


def _at_exit() -> None:
    for writer in _living():
        writer.close()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
