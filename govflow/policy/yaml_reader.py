"""YAML as policy files use it: data only, one meaning for each text, and a line for every value.

The reader works on parser events. It accepts less than YAML offers, because what an auditor reads must be what the
engine decides by:

* mappings, lists, text, integers, finite floats, ``true`` and ``false``, ``null``: the YAML 1.2 core schema, so that
  ``off``, ``no`` and ``12:30`` are text (in YAML 1.1 they are ``False``, ``False`` and 750);
* no key twice, no anchors and aliases, no tags, one document, at most :data:`MAX_DEPTH` levels.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from govflow.errors import PolicyError
from govflow.policy.places import Path, Places

MAX_DEPTH: Final = 40

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is built in: the same events, faster
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NO_VALUE: Final = object()


def read_yaml(text: str, where: str) -> tuple[object, Places]:
    """The one value that the text holds, and where each part of it stands.

    Raises:
        PolicyError: it is not YAML, or uses a part of YAML that policy files do without.
    """
    builder = _Builder(where)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        places = Places(where, {(): mark.line + 1} if mark else {})
        raise places.error((), f"not YAML: {broken.problem or broken.context}", "Mend the line.") from None
    except yaml.YAMLError as broken:
        raise Places(where).error((), f"not YAML: {str(broken).splitlines()[0]}", "Save it as UTF-8 text.") from None
    return builder.value(), Places(where, builder.lines)


class _Builder:
    """Puts values together from events, without recursion."""

    def __init__(self, where: str) -> None:
        self.lines: dict[Path, int] = {}
        self._where = where
        self._root: object = _NO_VALUE
        self._open: list[tuple[Path, dict[str, object] | list[object]]] = []
        self._key: list[str | None] = []  # the key that waits for its value, for each open container

    def value(self) -> object:
        if self._root is _NO_VALUE or self._root is None:
            raise Places(self._where).error((), "the file is empty", "Start it with 'version: 1'.")
        return self._root

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent) and self._root is not _NO_VALUE:
            raise self._error(event, (), "more than one document", "Keep one document in a file: remove '---'.")
        if isinstance(event, yaml.NodeEvent):
            self._refuse_extras(event)
            self._node(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._key.pop()

    def _refuse_extras(self, event: Any) -> None:
        here = self._here()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(event, here, "anchors and aliases are not used in policy files", "Write the value out.")
        if event.tag is not None:
            raise self._error(event, here, "tags are not used in policy files", "Remove the '!' tag.")

    def _node(self, event: Any) -> None:
        container = self._open[-1][1] if self._open else None
        if isinstance(container, dict) and self._key[-1] is None:
            self._take_key(event, container)
            return
        path = self._here()
        line = self.lines.setdefault(path, event.start_mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            self._place(self._scalar(event, path), container)
            return
        if len(self._open) >= MAX_DEPTH:
            raise Places(self._where, {(): line}).error((), f"nested deeper than {MAX_DEPTH} levels", "Flatten it.")
        opened: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._place(opened, container)
        self._open.append((path, opened))
        self._key.append(None)

    def _take_key(self, event: Any, container: dict[str, object]) -> None:
        here = self._open[-1][0]
        key = self._scalar(event, here) if isinstance(event, yaml.ScalarEvent) else None
        if not isinstance(key, str):
            raise self._error(event, here, "a key that is not text", "Write keys as text, in quotes if need be.")
        if key in container:
            raise self._error(event, (*here, key), "the key stands twice", "Keep one of the two.")
        self._key[-1] = key
        self.lines[(*here, key)] = event.start_mark.line + 1

    def _place(self, value: object, container: dict[str, object] | list[object] | None) -> None:
        if container is None:
            self._root = value
        elif isinstance(container, list):
            container.append(value)
        else:
            key = self._key[-1]
            assert key is not None  # a value in a mapping comes after its key
            container[key] = value
            self._key[-1] = None

    def _here(self) -> Path:
        """The path of the next value."""
        if not self._open:
            return ()
        path, container = self._open[-1]
        if isinstance(container, list):
            return (*path, len(container))
        key = self._key[-1]
        return path if key is None else (*path, key)

    def _scalar(self, event: Any, path: Path) -> object:
        text: str = event.value
        if event.style:  # quoted or a block: text, whatever it looks like
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INTEGER.fullmatch(text):
            if len(text.lstrip("+-")) > 1 and text.lstrip("+-").startswith("0"):
                raise self._error(event, path, "a number with a leading zero", "Remove the zero, or quote the text.")
            if len(text) > 17:
                raise self._error(event, path, "an integer of 2**53 or more", "Use a smaller one, or quote the text.")
            return int(text)
        if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and not math.isfinite(float(text))):
            raise self._error(event, path, "a number that is not finite", "Use a finite one, or quote the text.")
        return float(text) if _FLOAT.fullmatch(text) else text

    def _error(self, event: Any, path: Path, problem: str, mend: str) -> PolicyError:
        return Places(self._where, {path: event.start_mark.line + 1}).error(path, problem, mend)
