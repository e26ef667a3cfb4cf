"""Entries as text: two spaces for each level, lists one level in, double quotes where there are quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from govflow.policy.formatting.tree import Collection, Entry, Root, Scalar

_STEP: Final = 2
_NAME: Final = re.compile(r"(?!(?i:null|true|false)$)[A-Za-z][A-Za-z0-9_.-]*")


def printed(root: Root, width: int) -> str:
    """The whole file."""
    lines = list(root.header)
    if lines:
        lines.append("")
    lines += _block(root.mapping, 0, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _block(collection: Collection, indent: int, width: int) -> Iterator[str]:
    margin = " " * indent
    for number, entry in enumerate(collection.entries):
        if entry.blank and number:
            yield ""
        for comment in [*entry.lead, *_moved_up(entry, width, indent)]:
            yield margin + comment
        yield from _entry(entry, indent, width)
    for comment in collection.foot:
        yield margin + comment


def _moved_up(entry: Entry, width: int, indent: int) -> Iterator[str]:
    """Comments of a list's entry and before its first field: they cannot stand between the dash and the field."""
    value = entry.value
    while entry.key is None and isinstance(value, Collection) and value.entries:
        if _flat(entry, value, indent, width) is not None:
            return
        if entry.tail:
            yield entry.tail
        entry = value.entries[0]
        yield from entry.lead
        value = entry.value


def _entry(entry: Entry, indent: int, width: int) -> Iterator[str]:
    margin = " " * indent
    start = "- " if entry.key is None else f"{_key(entry.key)}:"
    tail = f"  {entry.tail}" if entry.tail else ""
    value = entry.value
    space = "" if entry.key is None else " "
    if isinstance(value, Scalar):
        if value.head:
            yield f"{margin}{start}{space}{value.head}{tail}"
            yield from (" " * (indent + _STEP) + line for line in value.lines)
        else:
            yield f"{margin}{start}{space}{_text(value)}{tail}"
        return
    flat = _flat(entry, value, indent, width)
    if flat is not None:
        yield f"{margin}{start}{space}{flat}{tail}"
    elif entry.key is not None:
        yield f"{margin}{start}{tail}"
        yield from _block(value, indent + _STEP, width)
    else:
        yield from _after_dash(value, indent, width)


def _after_dash(value: Collection, indent: int, width: int) -> Iterator[str]:
    """The first line of what stands in a list begins behind the dash. Its comments were printed before."""
    first, *rest = value.entries
    opened = list(_entry(first, indent + _STEP, width))
    yield " " * indent + "- " + opened[0].lstrip(" ")
    yield from opened[1:]
    others = Collection(value.is_map, False, value.column, value.start, value.end, rest, value.foot)
    for entry in rest[:1]:
        if entry.blank:
            yield ""
    yield from _block(others, indent + _STEP, width)


def _flat(entry: Entry, value: Collection, indent: int, width: int) -> str | None:
    """The value in brackets, if it is to stand so: it did, and it fits. None if it gets lines of its own."""
    if not value.entries:
        return "{}" if value.is_map else "[]"
    if not value.flow or (indent == 0 and entry.key is not None and entry.key.value == "policy" and not _short(value)):
        return None
    text = _brackets(value)
    begin = indent + (2 if entry.key is None else len(_key(entry.key)) + 2)
    return text if begin + len(text) <= width else None


def _short(value: Collection) -> bool:
    """Whether a policy in brackets holds nothing but its name and the like."""
    return all(isinstance(entry.value, Scalar) for entry in value.entries)


def _brackets(value: Collection) -> str:
    parts = []
    for entry in value.entries:
        inner = _text(entry.value) if isinstance(entry.value, Scalar) else _brackets(entry.value)
        parts.append(inner if entry.key is None else f"{_key(entry.key)}: {inner}")
    joined = ", ".join(parts)
    return f"{{{joined}}}" if value.is_map else f"[{joined}]"


def _key(scalar: Scalar) -> str:
    """Names go without quotes."""
    return scalar.value if _NAME.fullmatch(scalar.value) else _text(scalar)


def _text(scalar: Scalar) -> str:
    value = scalar.value
    if scalar.style is None and "\n" not in value:
        return value or "null"
    if scalar.style == "'" and value.isprintable() and ('"' in value or "\\" in value):
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if letter == "\n":
        return "\\n"
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04X}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08X}"
