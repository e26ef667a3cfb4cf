"""Objects of outside code: what makes them, their attributes and elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from govflow.planning.arguments import Arguments
from govflow.planning.effects.catalogue import Call, ObjectType
from govflow.planning.effects.given import Given, by_name
from govflow.planning.effects.lookups import Known
from govflow.planning.effects.texts import UNKNOWN, parts_of, whole
from govflow.planning.values import Constant, Data, Deps, External, Object, Origin, Text, Value

if TYPE_CHECKING:
    from govflow.planning.machine import Machine

_PATH: Final = "file-path"  # the catalogue's name of a path, which is text here
_NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})
_PLAIN: Final = ("builtins.", "typing.", "collections.", "datetime.", "decimal.", "uuid.", "enum.")

# The scheme of a database's address, to provider and dialect.
_SCHEMES: Final = {
    "postgresql": ("postgres", "postgres"),
    "postgres": ("postgres", "postgres"),
    "redshift": ("redshift", "redshift"),
    "mysql": ("mysql", "mysql"),
    "mariadb": ("mysql", "mysql"),
    "sqlite": ("sqlite", "sqlite"),
    "duckdb": ("duckdb", "duckdb"),
    "mssql": ("mssql", "tsql"),
    "oracle": ("oracle", "oracle"),
    "snowflake": ("snowflake", "snowflake"),
    "bigquery": ("bigquery", "bigquery"),
    "clickhouse": ("clickhouse", "clickhouse"),
    "databricks": ("databricks", "databricks"),
    "trino": ("trino", "trino"),
}


def as_object(
    data: Data,
    *,
    kind: str = "",
    made: str = "",
    provider: str = "",
    dialect: str = "",
    given: Mapping[str, Value] = _NOTHING,
    tame: bool = False,
) -> Object:
    """The same data, and what is known of it."""
    return Object(
        data.deps, data.origin, data.reason, data.direct, data.whole, kind, made, provider, dialect, given, tame
    )


def made_by_call(
    known: Known, made: str, given: Arguments, receiver: Object | None, result: Data, *, tame: bool = False
) -> Data:
    """What a call gives.

    Args:
        known: what the catalogue says of the callee.
        made: how it was made, in words.
        given: the arguments.
        receiver: the object whose method was called.
        result: what the call gives to planning.
        tame: its effects are known.
    """
    if known.maker is not None and known.maker.name == _PATH:
        own = by_name(known.maker.arguments, given)
        parts = parts_of(own["path"]) if "path" in own else UNKNOWN
        return Text(result.deps, result.origin, result.reason, result.direct, result.whole, parts, path=True)
    if known.maker is not None:
        return made_as(known.maker, given, receiver, result, made)
    return as_object(result, made=made, tame=tame)


def made_as(kind: ObjectType, given: Arguments, receiver: Object | None, result: Data, made: str) -> Object:
    """An object of a kind that the catalogue has, with what it was made with and what made it."""
    own = by_name(kind.arguments, given)
    values = {**receiver.given, **own} if receiver is not None else own
    name = kind.name
    if kind.key and "(" not in name:
        text = whole(parts_of(own[kind.key])) if kind.key in own else None
        name = f"{name}({text})" if text else name
    provider, dialect = kind.provider, kind.dialect
    if receiver is not None:
        provider, dialect = provider or receiver.provider, dialect or receiver.dialect
        if provider == "sql" and receiver.provider:
            provider, dialect = receiver.provider, receiver.dialect
    if provider in ("", "sql"):
        provider, dialect = _of_url(values) or _of_connection(own) or (provider, dialect)
    return as_object(result, kind=name, made=made, provider=provider, dialect=dialect, given=values)


def _of_url(values: Mapping[str, Value]) -> tuple[str, str] | None:
    """Provider and dialect by an address among the arguments."""
    for name in ("url", "name_or_url", "uri", "dsn"):
        value = values.get(name)
        found = None if value is None else _of_address(value)
        if found is not None:
            return found
    return None


def _of_connection(own: Mapping[str, Value]) -> tuple[str, str] | None:
    """Provider and dialect of a connection that something is made with: ``Session(engine)``."""
    given = (value for value in own.values() if isinstance(value, Object))
    return next(((value.provider, value.dialect) for value in given if value.provider not in ("", "sql")), None)


def _of_address(value: Value) -> tuple[str, str] | None:
    """Provider and dialect by the scheme of a database's address."""
    parts = parts_of(value)
    if parts and isinstance(parts[0], str) and ":" in parts[0]:
        return _SCHEMES.get(parts[0].partition(":")[0].partition("+")[0].lower())
    return None


def database_of(call: Call, given: Given) -> tuple[str, str]:
    """Provider and dialect that a call works with: its own, else those of the connection, or of its address."""
    provider, dialect = "" if call.provider == "sql" else call.provider, call.dialect
    if not provider or not dialect:
        for connection in given.objects(call.connection):
            provider, dialect = provider or connection.provider, dialect or connection.dialect
    value = given.value(call.connection) if call.connection and provider in ("", "sql") else None
    found = None if value is None else _of_address(value)
    return found or (provider or call.provider, dialect)


def taken(machine: Machine, owner: Object, name: str) -> Object:
    """An attribute of an object, on the way to a method of it: ``client.chat.completions``."""
    if not owner.kind:
        return replace(owner, made=f"{owner.made}.{name}" if owner.made else "")
    maker = machine.lookups.of(f"{owner.kind}.{name}").maker or machine.lookups.of(f"{owner.kind}[]").maker
    if maker is None:
        return replace(owner, kind=f"{owner.kind}.{name}")
    return made_as(maker, Arguments([Constant(name)]), owner, owner, owner.made)


def part_of(machine: Machine, owner: Object, index: Value | None, part: Data) -> Object:
    """An element of an object."""
    if owner.kind:
        maker = machine.lookups.of(f"{owner.kind}[]").maker
        if maker is not None:
            return made_as(maker, Arguments([] if index is None else [index]), owner, part, owner.made)
    return as_object(part, made=owner.made, tame=owner.tame)


def object_of_type(machine: Machine, annotation: External, value: Data, name: str) -> Data | None:
    """A value as an object of the class that an annotation names; None if nothing is known of that class."""
    dotted = annotation.dotted
    kind = machine.lookups.catalogue.type_of(dotted)
    if kind == _PATH:
        return Text(value.deps, value.origin, value.reason, value.direct, value.whole, parts=UNKNOWN, path=True)
    known = machine.lookups.of(dotted)
    maker = known.maker
    if maker is not None:
        return as_object(value, kind=maker.name, made=name, provider=maker.provider, dialect=maker.dialect)
    if kind is not None:
        return as_object(value, kind=kind, made=name)
    if dotted.startswith(_PLAIN) or known.harmless:
        return as_object(value, made=name, tame=True)
    return None


def of_outside_base(machine: Machine, bases: Sequence[Value], deps: Deps, name: str) -> Data:
    """What an object of a class of the repository has of classes of outside code."""
    for base in bases:
        if isinstance(base, External):
            known = machine.lookups.of(base.dotted)
            plain = Data(deps, Origin.EXTERNAL)
            return made_by_call(known, f"{base.dotted}()", Arguments(), None, plain, tame=known.harmless)
    return Object(deps, Origin.EXTERNAL, made=f"{name}()")
