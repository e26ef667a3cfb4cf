"""The attributes that conditions may read: dotted paths with types.

``step.tier`` is read from ``request.attributes["step"]["tier"]``: one mapping inside another at each dot. A key with a
dot in it is never reached by a path. ``action``, ``provider`` and ``resource`` (in its normal form) are fields of the
request itself. An attribute that is absent, or ``None``, is *missing*.

The closed paths below are known to every file. ``parameters.*`` is open and untyped: what the call is given. A file
declares whatever else its rules read, under ``attributes:``, so that a mistyped path is an error and not a rule that
silently never applies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from govflow.ir.models import Multiplicity, StepKind
from govflow.policy.holes import HOLE, MARK
from govflow.policy.model import PolicyRequest
from govflow.policy.places import did_you_mean
from govflow.policy.unknown import UNKNOWN


class AttributeType(StrEnum):
    """What an attribute holds."""

    STRING = "string"
    INT = "int"
    NUMBER = "number"  # integer or float
    BOOL = "bool"
    LIST = "list"  # of strings
    TIME = "time"  # text as govflow.policy.moments reads it, or a datetime with an offset
    ANY = "any"  # only for parameters.*: each value is judged by its own type


@dataclass(frozen=True, slots=True)
class Attribute:
    """A path that rules may read. ``values``: the only texts that it takes, where that is known."""

    path: str
    type: AttributeType
    values: tuple[str, ...] = ()


OPEN: Final = "parameters"
GROUPS: Final = frozenset({"all", "any", "not"})
"""What stands in the place of a path and holds further conditions."""

BUILT_IN: Final[Mapping[str, Attribute]] = {
    attribute.path: attribute
    for attribute in (
        Attribute("action", AttributeType.STRING),
        Attribute("provider", AttributeType.STRING),
        Attribute("resource", AttributeType.STRING),
        Attribute("resource.scheme", AttributeType.STRING),
        Attribute("resource.authority", AttributeType.STRING),
        Attribute("resource.path", AttributeType.STRING),
        Attribute("resource.same_tenant", AttributeType.BOOL),  # whether it begins with the tenant of the run
        Attribute("subject.name", AttributeType.STRING),
        Attribute("subject.roles", AttributeType.LIST),
        Attribute("subject.assurance", AttributeType.STRING),
        Attribute("step.id", AttributeType.STRING),
        Attribute("step.name", AttributeType.STRING),
        Attribute("step.kind", AttributeType.STRING, tuple(StepKind)),
        Attribute("step.tier", AttributeType.INT),
        Attribute("step.records", AttributeType.INT),
        Attribute("step.multiplicity", AttributeType.STRING, tuple(Multiplicity)),
        Attribute("run.environment", AttributeType.STRING),
        Attribute("run.production", AttributeType.BOOL),  # what the tier rules call production, whatever its name
        Attribute("run.tenant", AttributeType.STRING),
        Attribute("run.flow", AttributeType.STRING),
        Attribute("run.mode", AttributeType.STRING, ("observe", "enforce")),
        Attribute("run.time", AttributeType.TIME),  # when the decision is taken
    )
}

READS_TOO: Final[Mapping[str, frozenset[str]]] = {"resource.same_tenant": frozenset({"run.tenant"})}
"""What an attribute is told from besides the action, provider and resource of a request."""

_PARTS: Final = {"resource.scheme": 0, "resource.authority": 1, "resource.path": 2}
_SCHEME: Final = re.compile(r"[a-z\0][a-z0-9+.\0-]*")
_OPEN_START: Final = re.compile(
    r"([a-zA-Z][a-zA-Z0-9+.-]*(:/?)?)?\0"
)  # what is not known may bring scheme and authority
_BEFORE_TAIL: Final = re.compile(r"[^?#]*")
_PATH: Final = re.compile(r"[^\W\d][\w-]*(\.[^\W\d][\w-]*)*")


class EvaluationError(Exception):
    """A condition has no answer for this request. The text names path and type, never the value. Stays in this room."""


Reader = Callable[[PolicyRequest, str], Any]
"""Reads one attribute: of the request and of its resource in normal form. ``None`` if it is missing."""


class AttributeSchema:
    """The paths of one policy file: the built-in ones, ``parameters.*``, and those that it declares."""

    def __init__(self, declared: Mapping[str, AttributeType]) -> None:
        self._known = {**BUILT_IN, **{path: Attribute(path, kind) for path, kind in declared.items()}}

    @property
    def declared(self) -> dict[str, AttributeType]:
        """What the file declares beyond the built-in paths."""
        return {path: known.type for path, known in self._known.items() if path not in BUILT_IN}

    def find(self, path: str) -> Attribute | None:
        """The attribute of that path; ``None`` if no rule may read it."""
        if (known := self._known.get(path)) is not None:
            return known
        if path.startswith(OPEN + ".") and _PATH.fullmatch(path):
            return Attribute(path, AttributeType.ANY)
        return None

    def is_group(self, path: str) -> bool:
        """Whether paths that rules may read go on behind this one."""
        return path == OPEN or any(known.startswith(path + ".") for known in self._known)

    def suggestion(self, path: str) -> str:
        """What to write instead of an unknown path, in words."""
        if longer := [known for known in sorted(self._known) if known.startswith(path + ".")]:
            hint = f"A path is one key, dots included: {longer[0]!r}; in TOML it stands in quotes."
            return f"{hint} Declare others under 'attributes:'."
        return f"{did_you_mean(path, [*self._known, OPEN + '.NAME'])} Declare others under 'attributes:'."


def declaration_problem(path: str, declared: Mapping[str, AttributeType]) -> tuple[str, str] | None:
    """What is wrong with declaring ``path``, and how to mend it; ``None`` if nothing is."""
    if not _PATH.fullmatch(path):
        return "not an attribute path", "Write names joined by dots, such as 'context.ticket'."
    if path in GROUPS:
        return f"{path!r} joins conditions", "Rename it."
    if path == "cel":
        return f"{path!r} begins an expression in conditions", "Rename it."
    if path in BUILT_IN:
        return "this path is built in", "Remove the line."
    others = {*BUILT_IN, *declared} - {path}
    for other in sorted(others):
        if other.startswith(path + ".") or path.startswith(other + "."):
            return f"it overlaps {other!r}: a path is a value or a group of values, not both", "Rename it."
    if path == OPEN:
        return "every parameter is declared already", "Declare the type of one, such as 'parameters.region'."
    if declared[path] is AttributeType.ANY:
        return "a declared attribute has one type", "Use one of: bool, int, list, number, string, time."
    return None


def reader(path: str) -> Reader:
    """A function that reads the attribute of that path."""
    if path == "resource":
        return _known_resource
    if path in _PARTS:
        return _part(path, _PARTS[path])
    if path == "resource.same_tenant":
        return _same_tenant
    if path == "action":
        return lambda request, resource: request.action
    if path == "provider":
        return lambda request, resource: request.provider
    space, *keys = path.split(".")
    if len(keys) == 1:
        key = keys[0]

        def read(request: PolicyRequest, resource: str) -> Any:
            values = request.attributes.get(space)
            if type(values) is dict:  # nearly always; the general way costs five times as much
                return values.get(key)
            return _descend(values, (key,), path)

        return read
    return lambda request, resource: _descend(request.attributes.get(space), tuple(keys), path)


def _known_resource(request: PolicyRequest, resource: str) -> Any:
    if HOLE in request.resource:
        raise EvaluationError("resource: only a part of it is known from the source")
    return resource


def _part(path: str, number: int) -> Reader:
    def read(request: PolicyRequest, resource: str) -> Any:
        parts = parts_of(resource)
        if any(MARK in part for part in parts[: number + 1]):
            raise EvaluationError(f"{path}: only a part of the resource is known from the source")
        return parts[number] or None

    return read


def tenant_of(resource: str) -> str | None:
    """The tenant that a resource in normal form names: its first part. ``None`` where it names none.

    ``dataset://acme/sales`` belongs to acme; ``sales.csv`` and ``file:///etc/hosts`` say nothing.
    """
    return parts_of(resource)[1] or None


def _same_tenant(request: PolicyRequest, resource: str) -> bool | None:
    """Missing where nobody says whose the run is. A resource that names no tenant is somebody else's."""
    own = _descend(request.attributes.get("run"), ("tenant",), "run.tenant")
    if own is None:
        return None
    if not isinstance(own, str):
        raise EvaluationError("resource.same_tenant: run.tenant is not text")
    scheme, authority, _ = parts_of(resource)
    if MARK in scheme or MARK in authority or (not scheme and _OPEN_START.match(resource)):
        raise EvaluationError("resource.same_tenant: only a part of the resource is known from the source")
    return tenant_of(resource) == own


def parts_of(resource: str) -> tuple[str, str, str]:
    """Scheme, authority and path of a resource in normal form; what it does not have is empty.

    ``https://api.acme.io/v1?x=1`` has the path ``/v1``; ``dataset://acme/sales`` the authority ``acme``; a resource
    without ``://`` is all path.
    """
    scheme, mark, rest = resource.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme):
        return "", "", _BEFORE_TAIL.match(resource)[0]  # type: ignore[index]  # matches any text
    rest = _BEFORE_TAIL.match(rest)[0]  # type: ignore[index]  # matches any text
    authority, slash, path = rest.partition("/")
    return scheme, authority, slash + path


def _descend(value: Any, keys: tuple[str, ...], path: str) -> Any:
    for key in keys:
        if value is None or value is UNKNOWN:
            return value
        if not isinstance(value, Mapping):
            raise EvaluationError(f"{path}: what stands before {key!r} is not a mapping")
        value = value.get(key)
    return value


def lookup(request: PolicyRequest, path: str, resource: str) -> Any:
    """The value that a rule reads at ``path``, ``None`` if it is missing; to build memo keys from a footprint."""
    return reader(path)(request, resource)
