"""Who someone is, and how we know."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Assurance(StrEnum):
    """How an identity was established."""

    CLAIMED = "claimed, not authenticated"
    """The name was given by whoever runs the process or the command."""
    AUTHENTICATED = "authenticated"
    """A sign-in vouches for the name."""


class Principal(BaseModel):
    """A person or a machine account. Equality of people is equality of ``name``, compared case-sensitively."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$")]
    roles: tuple[str, ...] = ()
    assurance: Assurance = Assurance.CLAIMED

    def selectors(self) -> frozenset[str]:
        """What a rule may name this principal by: ``user:NAME`` and ``role:ROLE``."""
        return frozenset({f"user:{self.name}", *(f"role:{role}" for role in self.roles)})
