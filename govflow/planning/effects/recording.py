"""Noting what calls of outside code do, and what they give, while a flow is read.

Two ways in: a function by its dotted name, and a method of an object. Both look the callee up in the catalogue, note
its effects for the step whose code is being read, and turn the result into an object or text, as far as it is known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from govflow.planning.arguments import Arguments
from govflow.planning.effects.catalogue import Call, fill
from govflow.planning.effects.catalogue.templates import names_in
from govflow.planning.effects.commands import read_command
from govflow.planning.effects.deeds import Deed
from govflow.planning.effects.files import read_open
from govflow.planning.effects.given import Given, by_name
from govflow.planning.effects.http import read_http
from govflow.planning.effects.locations import clean, is_own_text, location, shown
from govflow.planning.effects.objects import as_object, database_of, made_by_call
from govflow.planning.effects.sql import read_sql
from govflow.planning.effects.statements import CHANGES, run_statement
from govflow.planning.effects.text_functions import FUNCTIONS
from govflow.planning.effects.texts import TREE, UNKNOWN, Parts, is_text, made, parts_of, text_method, whole
from govflow.planning.effects.unseen import is_harmless_method, is_quiet_function
from govflow.planning.values import Choice, Constant, Container, Data, External, Object, Origin, Text, Value

if TYPE_CHECKING:
    from govflow.planning.machine import Machine

_OPENERS: Final = frozenset({"builtins.open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open"})
_KEEPING: Final = frozenset({"contextlib.closing", "contextlib.aclosing", "contextlib.nullcontext"})
_CONTENT: Final = frozenset({"read", "readlines", "readline"})
_MOST_CHOICES: Final = 8
_STATEMENTS: Final = ("sqlalchemy", "sqlmodel")  # where statements are made, not texts of them
_READING: Final = ("read", "fetch", "query", "get", "select", "stream", "list")


def after_function(machine: Machine, dotted: str, given: Arguments, node: ast.AST, result: Value) -> Value:
    """Note what a function of outside code did, and say what it gave.

    Args:
        machine: the reading.
        dotted: its name.
        given: its arguments.
        node: the call.
        result: what the call gives to planning.
    """
    if dotted in _KEEPING:
        return _kept(given.first(), result)
    text = FUNCTIONS.get(dotted)
    if text is not None:
        return _as_whole(text(given, given.deps()), result)
    if dotted.startswith("builtins.") and dotted != "builtins.open":
        return result
    known = machine.lookups.of(dotted)
    if known.call is not None:
        _note(machine, known.call, given, None, node)
    elif known.maker is None and not known.harmless and not is_quiet_function(dotted):
        machine.frame.deeds.unseen[dotted] = None
    if type(result) is not Data or result.origin is Origin.HIDDEN:
        return result
    if dotted in _OPENERS:
        return _opened(given.first(), result)
    tame = known.harmless or known.call is not None or is_quiet_function(dotted)
    return made_by_call(known, f"{dotted}()", given, None, result, tame=tame)


def after_method(machine: Machine, owner: Value, name: str, given: Arguments, node: ast.AST, result: Value) -> Value:
    """Note what a method of data, of text or of an object of outside code did, and say what it gave."""
    if is_text(owner):
        return _after_text_method(machine, owner, name, given, node, result)
    receiver = owner if isinstance(owner, Object) else None
    kind = receiver.kind if receiver is not None else ""
    known = machine.lookups.of(f"{kind or '*'}.{name}")
    if known.call is not None:
        _note(machine, known.call, given, receiver, node)
    elif known.maker is None and not known.harmless:
        _unseen_method(machine, receiver, name)
    if type(result) is not Data:
        return result
    if receiver is None:
        return result
    if receiver.kind == "" and name in _CONTENT:
        content = _content(machine, receiver.given.get("file"), result)
        if content is not None:
            return content
    tame = receiver.tame or known.harmless or known.call is not None
    return made_by_call(known, receiver.made, given, receiver, result, tame=tame)


# what a call gives


def _as_whole(text: Value, result: Value) -> Value:
    """The text that a call gives, of which as much is known as of what it gives to planning."""
    if not isinstance(result, Data):
        return result
    if isinstance(text, Data):
        text.whole = result.whole
    return text


def _kept(first: Value | None, result: Value) -> Value:
    """What a context manager gives that only stands around an object."""
    if not isinstance(first, Object) or type(result) is not Data or result.origin is Origin.HIDDEN:
        return result
    return replace(
        first,
        deps=result.deps,
        origin=result.origin,
        reason=result.reason,
        direct=result.direct,
        whole=result.whole,
    )


def _opened(file: Value, result: Data) -> Data:
    return as_object(result, tame=True, given={"file": file})


def _content(machine: Machine, file: Value | None, result: Data) -> Data | None:
    """The text of a file of the repository."""
    name = None if file is None else whole(parts_of(file))
    if not name:
        return None
    text = machine.file_text(name.removeprefix(TREE), from_root=name.startswith(TREE))
    return None if text is None else made((text,), result.deps)


def _after_text_method(
    machine: Machine, owner: Value, name: str, given: Arguments, node: ast.AST, result: Value
) -> Value:
    """A method of text gives text; one of a path may touch a file."""
    found = text_method(owner, name, given)
    if found is not None:
        return _as_whole(found, result)
    if not (isinstance(owner, Text) and owner.path):
        return result
    receiver = Object(kind="file-path", made="Path()", given={"path": owner})
    known = machine.lookups.of(f"file-path.{name}")
    if known.call is not None:
        _note(machine, known.call, given, receiver, node)
    elif known.maker is None and not known.harmless:
        _unseen_method(machine, receiver, name)
    if name == "open" and isinstance(result, Data):
        return _opened(owner, result)
    if name in ("read_text", "read_bytes") and isinstance(result, Data):
        return _content(machine, owner, result) or result
    return result


# effects


def _unseen_method(machine: Machine, receiver: Object | None, name: str) -> None:
    made_outside = receiver is not None and bool(receiver.kind or "()" in receiver.made)
    if is_harmless_method(name, outside=made_outside) or (receiver is not None and receiver.tame):
        return
    if receiver is not None and receiver.kind:
        shown_name = f"{receiver.kind}.{name}"
    elif receiver is not None and receiver.made:
        shown_name = f"{receiver.made}.{name}" if "()" in receiver.made else f".{name} of {receiver.made}"
    else:
        shown_name = f".{name} of a value"
    machine.frame.deeds.unseen[shown_name] = None


def _note(machine: Machine, call: Call, given: Arguments, receiver: Object | None, node: ast.AST) -> None:
    if call.effect_none:
        return
    values = by_name(call.arguments, given)
    arguments = Given(values, receiver.given if receiver is not None else {}, receiver)
    site = machine.site(node)
    if call.runs and arguments.constant(call.tamed) is not True:
        machine.frame.deeds.add(Deed("process:execute", "python", f"process://{call.runs}", detail=call.runs), site)
    if call.needs and not _goes_out(arguments.own(call.needs)):
        return
    for deed in _deeds(machine, call, arguments, node):
        machine.frame.deeds.add(deed, site)


def _goes_out(value: Value | None) -> bool:
    """Whether an argument leads out of the process: it is given, and is no buffer in memory."""
    if value is None or (isinstance(value, Constant) and value.value is None):
        return False
    return not (isinstance(value, Object) and value.kind == "memory-buffer")


def _deeds(machine: Machine, call: Call, given: Given, node: ast.AST) -> Iterator[Deed]:
    match call.reads:
        case "http":
            yield from read_http(call, given)
        case "open":
            yield from read_open(call, given, machine.relative)
        case "command":
            yield from read_command(
                call,
                given,
                lambda *text: iter(read_sql(*text)[0]),
                lambda path: machine.file_text(path, from_root=False),
            )
        case "sql":
            yield from _sql(machine, call, given, node)
        case _:
            yield from _plain(machine, call, given)


def _sql(machine: Machine, call: Call, given: Given, node: ast.AST) -> Iterator[Deed]:
    provider, dialect = database_of(call, given)
    provider = provider or "sql"
    subject = call.subject or (call.arguments[0] if call.arguments else "sql")
    sure = "*" not in call.names[0]
    statement = given.value(subject)
    if isinstance(statement, Object) and statement.kind in CHANGES:
        yield from run_statement(statement, provider, machine.frame.deeds)
        return
    unknown = _unknown_action(call, statement)
    for parts in given.texts(subject) or (UNKNOWN,):
        deeds, trouble = ([], "") if parts == UNKNOWN and not sure else read_sql(parts, provider, dialect, unknown)
        if not sure and (trouble or not deeds):
            # An unknown object may execute anything: only text that is SQL makes a statement of it.
            _unseen_method(machine, given.receiver, call.names[0].rpartition(".")[2])
            continue
        yield from deeds
        if trouble:
            machine.report(node)("sql-not-parsed", f"SQL is judged by its first words: {trouble}")


def _unknown_action(call: Call, statement: Value | None) -> str:
    """What running SQL is taken for when none of it is known: writing, unless the call reads or code made it."""
    # A statement that known code made, such as sqlalchemy.delete(...), was noted where it was made.
    # Text that a template or unknown code made may be anything.
    made = isinstance(statement, Object) and statement.made.startswith(_STATEMENTS)
    reads = call.names[0].rpartition(".")[2].startswith(_READING)
    return "data:query" if made or reads else "data:write"


def _plain(machine: Machine, call: Call, given: Given) -> Iterator[Deed]:
    """An effect by its template. Where an argument may be one of several, there is one for each."""
    provider = database_of(call, given)[0] or "python"
    condition = given.own(call.condition) if call.condition else None
    empty = isinstance(condition, Container) and condition.exact and not condition.items
    action = call.action_for(_chosen(given.value(call.by))) if call.by else call.action
    if action == "none":
        return
    for values in _alternatives(call, given):
        resource, found = call.resource, ""
        if resource.startswith("file://{") and resource.endswith("}") and resource.count("{") == 1:
            parts = values.get(resource[len("file://{") : -1], UNKNOWN)
            if call.action == "file:read" and is_own_text(parts):
                continue
            found, resource = location(parts, machine.relative)
        else:
            texts = {name: None if parts == UNKNOWN else _safe(machine, parts) for name, parts in values.items()}
            if resource.startswith("dataset://"):
                texts = {name: text and text.replace(".", "/") for name, text in texts.items()}
            resource = fill(resource, texts)
        known = found if found and found != "filesystem" else provider
        yield Deed(action, known, clean(resource), call.unbounded or empty, f"{action} {clean(resource)}")


def _chosen(value: Value | None) -> object:
    """The constant that an argument is, or the name of a class of outside code; of a list its first item."""
    if isinstance(value, External):
        return value.dotted.rpartition(".")[2]
    if isinstance(value, Container) and value.keys is None and value.items:
        value = value.items[0]
    return whole(parts_of(value)) if value is not None else None


def _safe(machine: Machine, parts: Parts) -> str:
    text = shown(parts)
    if text.startswith(TREE):
        return machine.relative(text[1:])
    return location(parts, machine.relative)[1].partition("://")[2] if "://" in text else clean(text)


def _alternatives(call: Call, given: Given) -> Iterator[dict[str, Parts]]:
    names = sorted(names_in(call.resource))
    fixed: dict[str, Parts] = {}
    several: list[tuple[str, tuple[Parts, ...]]] = []
    for name in names:
        value = given.value(name)
        if isinstance(value, Constant) and value.value is None:
            continue
        texts = given.texts(name)
        if isinstance(value, Choice) and len(texts) > 1:
            several.append((name, texts[:_MOST_CHOICES]))
        elif isinstance(value, Container):
            fixed[name] = parts_of(value.items[0]) if len(value.items) == 1 else UNKNOWN
        elif texts:
            fixed[name] = texts[0]
    if not several:
        yield fixed
        return
    name, texts = several[0]
    others = {other: UNKNOWN for other, _ in several[1:]}
    for text in texts:
        yield {**fixed, **others, name: text}
