"""Policies that an engine's server keeps: ``block:NAME`` where the path of a policy file may stand.

Services know no engine. The adapter of one says how such a text is read, as soon as it is loaded. Where none is, the
policy cannot be read, and enforce mode denies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from govflow.errors import PolicyError
from govflow.setting_layers import BLOCK

Reader = Callable[[str], str]
"""The text of the policy of that name. Raises ``PolicyError`` where it is not there, or nobody answers."""

_READERS: Final[list[Reader]] = []


def block_name(policy: Path) -> str | None:
    """The name of the policy that a server keeps; ``None`` if it is a file."""
    text = str(policy)
    return text.removeprefix(BLOCK) if text.startswith(BLOCK) else None


def blocks_are_read_by(reader: Reader) -> None:
    """From now on such policies are read by ``reader``."""
    _READERS[:] = [reader]


def read_block(name: str) -> str:
    """The text of the policy of that name, as it is now.

    Raises:
        PolicyError: it cannot be read.
    """
    if not _READERS:
        raise PolicyError(
            f"{BLOCK}{name} is kept by the engine's server, and nothing here asks it.",
            mend="Name a policy file, or load the adapter first: import govflow.prefect",
            details={"file": BLOCK + name},
        )
    return _READERS[0](name)
