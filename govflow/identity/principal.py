"""Who someone is, and how we know."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints

MACHINE: Final = "kind:machine"
"""Among the selectors of a machine account. The approval room has the same word; a test holds the two together."""


class Assurance(StrEnum):
    """How an identity was established."""

    CLAIMED = "claimed, not authenticated"
    """The name was given by whoever runs the process or the command."""
    AUTHENTICATED = "authenticated"
    """A sign-in vouches for the name."""


class PrincipalKind(StrEnum):
    """Who acts under a name."""

    PERSON = "person"
    MACHINE = "machine"


class Principal(BaseModel):
    """A person or a machine account. Equality of people is equality of ``name``, compared case-sensitively."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")]
    kind: PrincipalKind = PrincipalKind.PERSON
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    assurance: Assurance = Assurance.CLAIMED

    def selectors(self) -> frozenset[str]:
        """What a rule may name this principal by: ``user:NAME``, ``role:ROLE`` and ``group:GROUP``.

        A machine account has ``kind:machine`` too, which no rule can name: ``*`` in an approval rule does not mean it.
        """
        return frozenset(
            {
                f"user:{self.name}",
                *(f"role:{role}" for role in self.roles),
                *(f"group:{group}" for group in self.groups),
                *({MACHINE} if self.kind is PrincipalKind.MACHINE else ()),
            }
        )
