"""Identity: principals and how they are known. Pure."""

from govflow.identity.principal import Assurance, Principal

__all__ = ["Assurance", "Principal"]
