"""Terms of Cedar, in its JSON policy format, and where each of our attributes stands in a Cedar request.

=========================  ====================================
ours                       Cedar's
=========================  ====================================
``action``, ``provider``   ``context.action``, ``context.provider``
``resource``               ``resource.name``
``resource.scheme``        ``resource.scheme``
``subject.name``           ``principal.name``
``run.environment``        ``context.run.environment``
``context.ticket``         ``context.context.ticket``
=========================  ====================================

An entity of Cedar has no text that a policy could read: hence ``context.action`` beside ``Action::"data:read"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from govflow.policy.cedar.library import Form

ALWAYS_THERE: Final = frozenset({"action", "provider", "resource"})
ENTITY_OF_KIND: Final = {"user": "User", "role": "Role", "group": "Group", "team": "Team", "tenant": "Tenant"}
KIND_OF_ENTITY: Final = {entity: kind for kind, entity in ENTITY_OF_KIND.items()}
ACTION: Final = "Action"
RESOURCE: Final = "Resource"
WILDCARD: Final = "Wildcard"

FIRST: Final = -(2**63)
LAST: Final = 2**63 - 1
"""The whole numbers that Cedar has."""


def variable_of(path: str) -> tuple[str, list[str]]:
    """The variable of a Cedar request under which an attribute stands, and the keys below it."""
    space, _, rest = path.partition(".")
    if path == "resource":
        return "resource", ["name"]
    if space in {"resource", "subject"} and rest:
        return "principal" if space == "subject" else space, rest.split(".")
    return "context", path.split(".")


def path_of(variable: str, keys: Sequence[str]) -> str:
    """The attribute that stands there: the other way round."""
    if variable == "resource":
        return "resource" if list(keys) == ["name"] else ".".join(("resource", *keys))
    return ".".join(("subject", *keys) if variable == "principal" else keys)


def read(path: str) -> Form:
    """The value of an attribute."""
    variable, keys = variable_of(path)
    term: Form = {"Var": variable}
    for key in keys:
        term = {".": {"left": term, "attr": key}}
    return term


def present(path: str) -> Form | None:
    """Whether an attribute is there; ``None`` where it always is."""
    if path in ALWAYS_THERE:
        return None
    variable, keys = variable_of(path)
    term: Form = {"Var": variable}
    found: list[Form] = []
    for key in keys:
        found.append({"has": {"left": term, "attr": key}})
        term = {".": {"left": term, "attr": key}}
    return every(found)


def value(held: object) -> Form:
    """A literal."""
    return {"Value": held}


def entity(kind: str, name: str) -> Form:
    """An entity, as it stands in a term."""
    return value({"__entity": {"type": kind, "id": name}})


def every(terms: Sequence[Form]) -> Form:
    """All of them; true if there is none."""
    return _joined("&&", terms) if terms else value(True)


def some(terms: Sequence[Form]) -> Form:
    """One of them; false if there is none."""
    return _joined("||", terms) if terms else value(False)


def no(term: Form) -> Form:
    """Not that."""
    return {"!": {"arg": term}}


def two(operator: str, left: Form, right: Form) -> Form:
    """A term of two."""
    return {operator: {"left": left, "right": right}}


def like(text: Form, pattern: Sequence[str | None]) -> Form:
    """Whether a text is like a pattern: literal pieces, and ``None`` for any text between them. Not text: an error."""
    return {
        "like": {
            "left": text,
            "pattern": [WILDCARD if piece is None else {"Literal": piece} for piece in pattern if piece != ""],
        }
    }


def _joined(operator: str, terms: Sequence[Form]) -> Form:
    term = terms[0]
    for other in terms[1:]:
        term = two(operator, term, other)
    return term
