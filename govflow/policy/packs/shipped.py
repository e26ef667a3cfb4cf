"""Which packs there are, and how one is asked for: ``pack:NAME`` or ``pack:NAME?limit=value&limit=value``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

from govflow.errors import PolicyError
from govflow.policy.places import did_you_mean

PREFIX: Final = "pack:"
_SUFFIX: Final = ".yaml"


@dataclass(frozen=True, slots=True)
class PackName:
    """A pack as an import names it. ``limits``: as written, by name."""

    name: str
    limits: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """How messages call the file."""
        return PREFIX + self.name


@cache
def pack_names() -> tuple[str, ...]:
    """The packs that ship, sorted."""
    files = (entry.name for entry in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX)))


def pack_text(name: str) -> str:
    """The file of a pack, comments included.

    Raises:
        PolicyError: there is no such pack.
    """
    if name not in pack_names():
        raise PolicyError(f"there is no pack {name!r}", mend=did_you_mean(name, pack_names()))
    return resources.files(__package__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")


def pack_name(imported: str) -> PackName | None:
    """The pack that stands under ``imports``; ``None`` if it is a file.

    Raises:
        PolicyError: what follows the name cannot be read.
    """
    if not imported.startswith(PREFIX):
        return None
    name, mark, tail = imported.removeprefix(PREFIX).partition("?")
    limits: dict[str, str] = {}
    for part in tail.split("&") if mark else ():
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise PolicyError(f"{part!r} sets no limit", mend=f"Write {PREFIX}{name}?LIMIT=VALUE.")
        if key in limits:
            raise PolicyError(f"{key!r} is set twice", mend="Remove one of the two.")
        limits[key] = value
    return PackName(name, limits)
