"""Policy packs for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from govflow.policy import PolicyDocument, load_policy
from govflow.policy.attributes import BUILT_IN
from govflow.policy.conditions import paths_of
from govflow.policy.packs import LIMITS, PREFIX, pack_names, pack_text
from govflow.services.describe.escape import table


def pack_document(name: str) -> PolicyDocument:
    """A pack as it is alone, with the packs that it imports.

    Raises:
        PolicyError: there is no such pack.
    """
    return load_policy(pack_text(name), PREFIX + name)


def packs_text(names: Iterable[str] | None = None) -> str:
    """A line for each pack."""
    return "\n".join(
        table([[name, pack_document(name).policy.description] for name in names or pack_names()], indent=0)
    )


def pack_json(name: str) -> dict[str, Any]:
    """JSON values of a pack; ``rules`` are its own and those of packs that it imports."""
    document = pack_document(name)
    return {
        "name": name,
        "description": document.policy.description,
        "import": PREFIX + name,
        "limits": {limit: told.default(document.policy) for limit, told in LIMITS.get(name, {}).items()},
        "needs": needs(document),
        "rules": [
            {
                "name": rule.name,
                "description": rule.description,
                "effect": str(rule.effect),
                "priority": rule.priority,
                "compliance": list(rule.compliance),
            }
            for rule in document.policy.rules
        ],
        "digest": document.digest,
    }


def needs(document: PolicyDocument) -> dict[str, str]:
    """The attributes that its rules read and that nobody gives unless somebody provides them, with their types."""
    read = frozenset[str]().union(*(paths_of(rule.conditions) for rule in document.policy.rules))
    found = {path: document.schema.find(path) for path in sorted(read - BUILT_IN.keys())}
    return {path: str(attribute.type) for path, attribute in found.items() if attribute is not None}
