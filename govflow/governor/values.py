"""Python values as JSON, for the few places that read them: hashes, rules, resource templates and approvals.

Values that nothing reads are never looked at: a DataFrame or an open session passes through a governed task untouched.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, JsonValue, SecretBytes, SecretStr

from govflow.errors import CanonicalError
from govflow.ir.canonical import canonical

SECRET: Final = "**********"
"""Stands for a secret wherever a value is shown or hashed: neither its content nor its length can be told from it."""

DEEPEST: Final = 100  # levels; what reads and writes JSON gives up somewhat later, each in a way of its own

_MEND: Final = "Pass a plain value (text, number, date, list, mapping) here, or a reference such as a path or a name."
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

_TEXT: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (PurePath, str),
    (UUID, str),
    (Decimal, str),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, lambda value: f"{value.total_seconds()}s"),
)


def plain(value: object, where: str) -> JsonValue:
    """``value`` as JSON values only.

    Args:
        value: anything.
        where: what it is, for the error, for example ``task purge, parameter batch``.

    Raises:
        CanonicalError: it is no JSON value; the error names the place inside the value.
    """
    try:
        return _plain(value, where, frozenset())
    except CanonicalError:
        raise
    except Exception as error:
        raise CanonicalError(f"{where}: it cannot be read ({type(error).__name__}).", mend=_MEND) from error


def hashable(value: object, where: str) -> JsonValue:
    """As :func:`plain`, for what is hashed: JSON knows numbers and text that RFC 8785 has no form for.

    Raises:
        CanonicalError: there is no canonical form; the error names the place inside the value.
    """
    found = plain(value, where)
    canonical(found, where)
    return found


def _plain(value: object, where: str, above: frozenset[int]) -> JsonValue:
    if value is None or (isinstance(value, (bool, str, int)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise CanonicalError(f"{where}: {value} has no canonical form.", mend=_MEND)
        return value
    if isinstance(value, (SecretStr, SecretBytes)):
        return SECRET
    if isinstance(value, Enum):
        return _plain(value.value, where, above)
    for kind, text in _TEXT:
        if isinstance(value, kind):
            return text(value)
    if id(value) in above:
        raise CanonicalError(f"{where}: it contains itself.", mend=_MEND)
    if len(above) >= DEEPEST:
        raise CanonicalError(f"{where}: it is more than {DEEPEST} levels deep.", mend=_MEND)
    return _container(value, where, above | {id(value)})


def _container(value: object, where: str, above: frozenset[int]) -> JsonValue:
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return _plain(fields, where, above)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, where, above)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise CanonicalError(f"{where}: the key {key!r} is not text.", mend=_MEND)
        return {key: _plain(item, f"{where}.{key}", above) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{index}]", above) for index, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        items = [_plain(item, f"{where}{{}}", above) for item in value]
        return sorted(items, key=repr)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    raise CanonicalError(f"{where}: a {kind} has no canonical form.", mend=_MEND)


def placeholders(template: str) -> tuple[str, ...]:
    """The parameters that a template such as ``warehouse://{warehouse}/flights`` reads."""
    return tuple(_PLACEHOLDER.findall(template))


def fill(template: str, parameters: Mapping[str, object], where: str) -> str:
    """The template with its parameters filled in.

    Raises:
        CanonicalError: a parameter is not bound, or is not text, a number or a path.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in parameters:
            raise CanonicalError(
                f"{where}: no parameter {name!r} is bound for {template!r}.", mend="Mend the template."
            )
        value = plain(parameters[name], f"{where}, parameter {name}")
        if isinstance(value, (dict, list)) or value is None:
            raise CanonicalError(f"{where}, parameter {name}: a resource needs text or a number.", mend=_MEND)
        return str(value)

    return _PLACEHOLDER.sub(value_of, template)
