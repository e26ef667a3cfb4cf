"""What one step was found to do, while its code is being read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from govflow.planning.recorder import Site


class Deed(NamedTuple):
    """One effect before it becomes a :class:`~govflow.ir.models.Effect`; the fields mean the same."""

    action: str
    provider: str
    resource: str
    unbounded: bool = False
    detail: str = ""  # holds no literal value of the source


@dataclass(slots=True, eq=False)
class Deeds:
    """Effects and unknown calls of one function, helpers included, in the order in which they are read."""

    found: dict[Deed, Site] = field(default_factory=dict)  # and where it was seen first
    unseen: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.found or self.unseen)

    def add(self, deed: Deed, site: Site) -> None:
        """Note an effect."""
        self.found.setdefault(deed, site)

    def absorb(self, other: Deeds) -> None:
        """Take over what a function that is called here does."""
        if other is self:
            return
        for deed, site in other.found.items():
            self.found.setdefault(deed, site)
        self.unseen.update(other.unseen)
