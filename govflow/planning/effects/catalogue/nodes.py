"""YAML of catalogue files as values that know where they stand. Every scalar is text: ``no`` and ``1.0`` too.

libyaml reads it where PyYAML was built with it; a catalogue is large, and the Python reader takes ten times as long.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from govflow.errors import PolicyError

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # nothing is made of tags


@dataclass(frozen=True, slots=True)
class At:
    """A place in a file: ``effects.yaml:12: calls[3].reads``."""

    where: str
    path: str = ""
    line: int = 0

    def field(self, name: str, line: int) -> At:
        """A key below this place."""
        return At(self.where, f"{self.path}.{name}" if self.path else name, line or self.line)

    def item(self, index: int, line: int) -> At:
        """An entry of the list at this place."""
        return At(self.where, f"{self.path}[{index}]", line)

    def __str__(self) -> str:
        file = f"{self.where}:{self.line}" if self.line else self.where
        return f"{file}: {self.path}" if self.path else file


def refuse(at: At, trouble: str, mend: str) -> NoReturn:
    """Raise the error that names file, line, field and mend."""
    details = {"file": at.where, "line": at.line or None, "field": at.path}
    raise PolicyError(f"{at}: {trouble}", mend=mend, details=details)


def refuse_unknown(at: At, what: str, value: str, known: Collection[str]) -> NoReturn:
    """Refuse a word that is not one of those that there are."""
    close = difflib.get_close_matches(value, known, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    refuse(at, f"unknown {what} {value!r}", f"{meant}There are: {', '.join(sorted(known))}.")


def read_yaml(text: str, where: str) -> Fields:
    """The mapping that a catalogue file is.

    Raises:
        PolicyError: it is not YAML, or no mapping.
    """
    try:
        node = yaml.compose(text, _LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = At(where, "", mark.line + 1 if mark else 0)
        refuse(at, f"not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}", "Correct the syntax.")
    if not isinstance(node, yaml.MappingNode):
        refuse(At(where), "expected a mapping", "Start with `version: 1`.")
    return Fields(node, At(where))


class Fields:
    """A mapping: each field is asked for once, in the form that it must have."""

    def __init__(self, node: yaml.Node, at: At) -> None:
        if not isinstance(node, yaml.MappingNode):
            refuse(at, "expected a mapping", "Write `field: value` lines.")
        self.at = at
        self._nodes: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                refuse(at, "a key that is not text", "Write keys as text.")
            if key.value in self._nodes:
                refuse(at.field(key.value, _line(key)), "the key stands twice", "Keep one of the two.")
            self._nodes[key.value] = value
            self._keys[key.value] = key

    def known(self, names: frozenset[str]) -> None:
        """Refuse a field that is none of these."""
        if self._nodes.keys() <= names:
            return
        for name in self._nodes:
            if name not in names:
                refuse_unknown(self.place(name), "field", name, names)

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def place(self, name: str) -> At:
        """Where a field stands, or would."""
        key = self._keys.get(name)
        return self.at.field(name, 0 if key is None else _line(key))

    def text(self, name: str, default: str = "") -> str:
        """A field that is one text."""
        node = self._nodes.get(name)
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            refuse(self.place(name), "expected text", "Write it in quotes.")
        return str(node.value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that is a list of texts, or one text."""
        node = self._nodes.get(name)
        if node is None:
            return ()
        if isinstance(node, yaml.ScalarNode):
            return (self.text(name),)
        if not isinstance(node, yaml.SequenceNode):
            refuse(self.place(name), "expected a list", "Write [one, two].")
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode) or not item.value.strip():
                refuse(self.place(name), "expected a list of texts", "Write [one, two], in quotes if need be.")
        return tuple(item.value for item in node.value)

    def words(self, name: str) -> dict[str, str]:
        """A field that is a mapping of words to words."""
        node = self._nodes.get(name)
        if node is None:
            return {}
        fields = Fields(node, self.place(name))
        return {key: fields.text(key) for key in fields}

    def entries(self, name: str) -> list[Fields]:
        """A field that is a list of mappings."""
        node = self._nodes.get(name)
        if node is None:
            return []
        at = self.place(name)
        if not isinstance(node, yaml.SequenceNode):
            refuse(at, "expected a list", f"Write each of the {name} as `- …`.")
        return [Fields(item, at.item(index, _line(item))) for index, item in enumerate(node.value)]


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
