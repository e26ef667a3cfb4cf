"""A YAML text as entries with their comments, for printing it anew."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

_BLOCK: Final = re.compile(r"([|>][+-]?)([0-9]?)([+-]?)[ \t]*(#.*)?")


_WAS_ENTRY: Final = re.compile(r"# ?- ")


@dataclass(slots=True)
class Scalar:
    """A value without entries. ``lines`` are those of a block of text, without their indentation."""

    value: str
    style: str | None  # one of ' " | >, None for plain
    head: str = ""  # of a block: | or > with its mark
    lines: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Collection:
    """A mapping or a list."""

    is_map: bool
    flow: bool  # in brackets
    column: int
    start: int
    end: int = 0
    entries: list[Entry] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)  # comments behind the last entry


@dataclass(slots=True, eq=False)
class Entry:
    """One line of a mapping or list, with what is below it."""

    key: Scalar | None  # None in a list
    value: Scalar | Collection
    start: int
    line: int
    column: int
    parents: tuple[Collection, ...]  # outermost first
    lead: list[str] = field(default_factory=list)  # comments before it
    tail: str | None = None  # comment on its line
    blank: bool = False  # an empty line stands before it
    top: int = 0  # first line of it, comments included


@dataclass(slots=True)
class Root:
    """A whole file."""

    mapping: Collection
    header: list[str] = field(default_factory=list)  # comments about the file, apart from what comes first


@dataclass(frozen=True, slots=True)
class _Comment:
    text: str
    start: int
    line: int
    column: int
    alone: bool  # nothing but blanks, dashes and ? before it on its line
    dashed: bool


def tree_of(text: str) -> Root | None:
    """The entries of a text that :func:`govflow.policy.yaml_reader.read_yaml` has taken; None if it is no mapping."""
    reader = _Reader(text)
    top = reader.read()
    if not isinstance(top, Collection) or not top.is_map:
        return None
    root = Root(top)
    _attach(root, reader, text)
    return root


def comments_of(text: str) -> Counter[str]:
    """How often each comment stands in a text."""
    reader = _Reader(text)
    reader.read()
    return Counter(comment.text for comment in reader.comments())


class _Reader:
    """Puts entries together, and finds the comments between them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        self._spans: list[tuple[int, int]] = []  # of scalars
        self._in_heads: list[tuple[int, int]] = []  # comments that stand in the first line of a block of text
        self.entries: list[Entry] = []

    def read(self) -> Scalar | Collection | None:
        """The value of the document."""
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                return self._node(event, ())
        return None

    def _node(self, event: Any, parents: tuple[Collection, ...]) -> Scalar | Collection:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        mark = event.start_mark
        made = Collection(isinstance(event, yaml.MappingStartEvent), bool(event.flow_style), mark.column, mark.index)
        inside = (*parents, made)
        for first in self._events:
            if isinstance(first, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                made.end = _end_of(first)
                break
            start: Any = first.start_mark
            entry = Entry(None, Scalar("", None), start.index, start.line, start.column, inside)
            self.entries.append(entry)
            if made.is_map:
                entry.key = self._scalar(first)
            entry.value = self._node(next(self._events) if made.is_map else first, inside)
            made.entries.append(entry)
        return made

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark.index, event.end_mark.index
        self._spans.append((start, end))
        if event.style not in ("|", ">"):
            return Scalar(event.value, event.style)
        head, _, rest = self._text[start:end].partition("\n")
        found = _BLOCK.fullmatch(head.rstrip("\r"))
        if found is None or found[2]:
            return Scalar(event.value, '"')  # with an indentation of its own: written in quotes
        if found[4]:
            self._in_heads.append((start + found.start(4), start + found.end(4)))
        lines = [line.rstrip("\r") for line in rest.split("\n")]
        while lines and not lines[-1].strip():
            lines.pop()
        kept = event.value[len(event.value.rstrip("\n")) :]
        if (found[1] + found[3])[1:] == "+" and len(kept) > 1:
            return Scalar(event.value, '"')  # empty lines at its end mean something
        depth = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
        return Scalar(event.value, event.style, found[1] + found[3], tuple(line[depth:].rstrip("\r") for line in lines))

    def comments(self) -> Iterator[_Comment]:
        """All comments in order."""
        place = 0
        found = list(self._in_heads)
        for start, end in sorted([*self._spans, (len(self._text), len(self._text))]):
            found += [(place + m.start(), place + m.end()) for m in re.finditer(r"#[^\n]*", self._text[place:start])]
            place = max(place, end)
        for start, end in sorted(found):
            line = bisect_right(self._starts, start) - 1
            before = self._text[self._starts[line] : start]
            alone = not before.strip(" \t-?")
            text = self._text[start:end].rstrip()
            yield _Comment(text, start, line, start - self._starts[line], alone, alone and bool(before.strip()))


def _end_of(event: Any) -> int:
    index: int = event.end_mark.index
    return index


def _attach(root: Root, reader: _Reader, text: str) -> None:
    """Tie each comment to the entry that it is about."""
    lines = text.split("\n")
    entries = [entry for entry in reader.entries if not entry.parents[-1].flow or len(entry.parents) == 1]
    for entry in entries:
        entry.top = entry.line
    starts = [entry.start for entry in entries]
    for comment in reader.comments():
        place = bisect_left(starts, comment.start)
        before = entries[place - 1] if place else None
        after = entries[place] if place < len(entries) else None
        if before is None and after is not None and _stands_apart(comment.line, after.line, lines):
            root.header.append(comment.text)
        elif before is not None and _in_brackets(before, comment.start):
            before.lead.append(comment.text)
        elif not comment.alone and before is not None:
            if before.tail is not None:
                before.lead.append(before.tail)
            before.tail = comment.text
        elif before is not None and (listed := _list_left(before, after, comment)) is not None:
            listed.foot.append(comment.text)
        elif after is not None and (comment.dashed or comment.column <= after.column or before is None):
            after.top = min(after.top, comment.line)
            after.lead.append(comment.text)
        else:
            _foot(root, before, comment.column).append(comment.text)
    for entry in entries:
        entry.blank = entry.top > 0 and not lines[entry.top - 1].strip()


def _list_left(before: Entry, after: Entry | None, comment: _Comment) -> Collection | None:
    """The list whose last entry a comment is that was an entry once: ``# - {name: off}`` under others."""
    if not _WAS_ENTRY.match(comment.text):
        return None
    lists = [one for one in before.parents if not one.is_map and not one.flow and one.column == comment.column]
    return lists[-1] if lists and (after is None or lists[-1] not in after.parents) else None


def _stands_apart(line: int, first: int, lines: list[str]) -> bool:
    """Whether an empty line stands between a comment at the top and the first entry, or it speaks to an editor."""
    return any(not text.strip() for text in lines[line + 1 : first]) or "yaml-language-server" in lines[line]


def _in_brackets(entry: Entry, index: int) -> bool:
    value = entry.value
    return isinstance(value, Collection) and value.flow and value.start < index < value.end


def _foot(root: Root, before: Entry | None, column: int) -> list[str]:
    """Where a comment goes that stands behind the last entry of something."""
    for parent in reversed(before.parents if before is not None else ()):
        if not parent.flow and parent.column <= column:
            return parent.foot
    return root.mapping.foot
