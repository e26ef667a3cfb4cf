"""Identity: principals, how they are known, and the secrets that speak for them. Pure."""

from govflow.identity.bearer_secrets import SecretKind, make_secret, same_digest, secret_digest
from govflow.identity.principal import Assurance, Principal, PrincipalKind

__all__ = ["Assurance", "Principal", "PrincipalKind", "SecretKind", "make_secret", "same_digest", "secret_digest"]
