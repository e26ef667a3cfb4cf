"""Python values as JSON, for the few places that read them: hashes, rules, resource templates and approvals.

Values that nothing reads are never looked at: a DataFrame or an open session passes through a governed task untouched.
"""

from __future__ import annotations

import dataclasses
import hmac
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from numbers import Integral, Rational, Real
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
_EXACT: Final = 2**53  # JSON numbers are exact below it (RFC 8785, 3.2.2.3); larger ones become text

_TEXT: Final[tuple[tuple[type, Callable[[Any], str]], ...]] = (
    (PurePath, str),
    (UUID, str),
    (Decimal, str),
    (datetime, datetime.isoformat),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, lambda value: f"{value.total_seconds()}s"),
    (bytes, lambda value: f"{len(value)} bytes, sha256:{sha256(value).hexdigest()}"),
    (range, repr),
)

Mask = Callable[[str], str]
"""What stands for the text of a secret."""


def plain(value: object, where: str, mask: Mask = lambda _: SECRET) -> JsonValue:
    """``value`` as JSON values only.

    Args:
        value: anything.
        where: what it is, for the error, for example ``task purge, parameter batch``.
        mask: what to put for a ``SecretStr``; a keyed digest of it where an approval binds to the value.

    Raises:
        CanonicalError: there is no canonical form; it names the place inside the value.
    """
    try:
        return _Plain(mask).of(value, where, frozenset())
    except CanonicalError:
        raise
    except Exception as error:
        raise CanonicalError(f"{where}: it cannot be read ({type(error).__name__}).", mend=_MEND) from error


def hashable(value: object, where: str, mask: Mask = lambda _: SECRET) -> JsonValue:
    """As :func:`plain`, for what is hashed: JSON knows text that RFC 8785 has no form for.

    Raises:
        CanonicalError: there is no canonical form; the error names the place inside the value.
    """
    found = plain(value, where, mask)
    canonical(found, where)
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class _Plain:
    mask: Mask

    def of(self, value: object, where: str, above: frozenset[int]) -> JsonValue:
        if isinstance(value, Enum):
            return self.of(value.value, where, above)
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, Integral):
            number = int(value)
            return number if abs(number) < _EXACT else str(number)
        if isinstance(value, Real) and not isinstance(value, Rational):
            if not math.isfinite(value):
                raise CanonicalError(f"{where}: {value} has no canonical form.", mend=_MEND)
            return float(value)
        if isinstance(value, SecretStr):
            return self.mask(value.get_secret_value())
        if isinstance(value, SecretBytes):
            return self.mask(value.get_secret_value().hex())
        for kind, text in _TEXT:
            if isinstance(value, kind):
                return text(value)
        if id(value) in above:
            raise CanonicalError(f"{where}: it contains itself.", mend=_MEND)
        if len(above) >= DEEPEST:
            raise CanonicalError(f"{where}: it is more than {DEEPEST} levels deep.", mend=_MEND)
        return self._container(value, where, above | {id(value)})

    def _container(self, value: object, where: str, above: frozenset[int]) -> JsonValue:
        if isinstance(value, BaseModel):
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return self.of({**fields, **(value.model_extra or {})}, where, above)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            declared = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            # What was set on the object beside its fields reaches the body too.
            return self.of({**declared, **getattr(value, "__dict__", {})}, where, above)
        if isinstance(value, Mapping):
            found: dict[str, JsonValue] = {}
            for key, item in value.items():
                name = self._key(key, where)
                if name in found:
                    raise CanonicalError(f"{where}: two of its keys are the text {name!r}.", mend=_MEND)
                found[name] = self.of(item, f"{where}.{name}", above)
            return found
        if isinstance(value, (list, tuple)):
            if extra := getattr(value, "__dict__", None):
                items = [self.of(item, f"{where}[{index}]", above) for index, item in enumerate(value)]
                return {"items": items, **{k: self.of(v, f"{where}.{k}", above) for k, v in extra.items()}}
            return [self.of(item, f"{where}[{index}]", above) for index, item in enumerate(value)]
        if isinstance(value, (set, frozenset)):
            items = [self.of(item, f"{where}{{}}", above) for item in value]
            return sorted(items, key=repr)
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise CanonicalError(f"{where}: a {kind} has no canonical form.", mend=_MEND)

    @staticmethod
    def _key(key: object, where: str) -> str:
        if isinstance(key, str) and not isinstance(key, Enum):
            return key
        if isinstance(key, Integral) and str(key) not in ("True", "False"):
            return str(int(key))
        raise CanonicalError(f"{where}: the key {key!r} is not text.", mend=_MEND)


def sealed_values(values: Mapping[str, object], what: str, mask: Mask = lambda _: SECRET) -> dict[str, JsonValue]:
    """Parameters as values that can be hashed.

    Raises:
        CanonicalError: one has no canonical form; the error names it, and ``what`` it belongs to.
    """
    return {name: hashable(value, f"{what}, parameter {name}", mask) for name, value in values.items()}


def keyed(key: bytes) -> Mask:
    """Puts a keyed digest for each secret: another secret is another value, and nobody can guess it."""

    def mask(text: str) -> str:
        return f"hmac-sha256:{hmac.new(key, text.encode(), sha256).hexdigest()}"

    return mask


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
