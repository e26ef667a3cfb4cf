"""Text and paths of which parts are known: f-strings, operators, methods, ``pathlib`` and ``os.path``.

Parts are strings, and None for what the source does not tell. A path that starts at the file itself (``__file__``) is
written from the root of the tree, behind :data:`TREE`.
"""

from __future__ import annotations

import ast
import posixpath
import re
import string
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from govflow.planning.arguments import Arguments
from govflow.planning.joins import deps_of, is_whole, join
from govflow.planning.values import Choice, Constant, Container, Deps, Text, Value

Parts: TypeAlias = tuple[str | None, ...]

TREE: Final = "\0"
"""Before a path of the tree."""

UNKNOWN: Final[Parts] = (None,)
_LONGEST = 200_000  # characters
_MOST_PARTS = 200
_MOST_CHOICES = 16
_PERCENT = re.compile(r"%(?:\((\w+)\))?[#0\- +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?([a-zA-Z%])")


def normal(parts: Iterable[str | None]) -> Parts:
    """Parts with neighbours joined; unknown as a whole when there is too much of it."""
    found: list[str | None] = []
    for part in parts:
        if part == "":
            continue
        last = found[-1] if found else ""
        if part is None:
            if not found or last is not None:
                found.append(None)
        elif found and isinstance(last, str):
            found[-1] = last + part
        else:
            found.append(part)
    if len(found) > _MOST_PARTS or sum(len(part) for part in found if part) > _LONGEST:
        return UNKNOWN
    return tuple(found)


def whole(parts: Parts) -> str | None:
    """The text, if all of it is known."""
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None


def parts_of(value: Value) -> Parts:
    """The parts of one value as text: of a literal, known; of any other value, one unknown part."""
    if isinstance(value, Text):
        return value.parts
    if isinstance(value, Constant):
        literal = value.value
        if isinstance(literal, str):
            return (literal,) if literal else ()
        if isinstance(literal, bytes):
            return (literal.decode("utf-8", "replace"),)
        if isinstance(literal, bool | int):
            return (str(literal),)
    return UNKNOWN


def texts_of(value: Value | None) -> tuple[Parts, ...]:
    """Each text that a value may be; nothing for a value that is not given."""
    if value is None:
        return ()
    if isinstance(value, Choice):
        found = dict.fromkeys(parts_of(option) for option in _texts_first(value))
        return tuple(found)[:_MOST_CHOICES]
    return (parts_of(value),)


def _texts_first(value: Choice) -> list[Value]:
    """The options of a choice; a list that stands beside its own items, as in a mapped call, is none of them."""
    return [option for option in value.options if not isinstance(option, Container)] or list(value.options)


def is_text(value: Value) -> bool:
    """Whether a value is text or a path of which something may be known."""
    return isinstance(value, Text) or (isinstance(value, Constant) and isinstance(value.value, str))


def made(parts: Iterable[str | None], deps: Deps, *, path: bool = False) -> Text:
    """A text of these parts."""
    return Text(deps, parts=normal(parts), path=path)


def joined(values: Sequence[Value]) -> Value:
    """An f-string of these values; where some of them are one of several texts, each text that it may be."""
    deps, whole_known = deps_of(*values), is_whole(*values)
    texts: list[Parts] = [()]
    for value in values:
        options = texts_of(value) if isinstance(value, Choice) else (parts_of(value),)
        if len(texts) * len(options) > _MOST_CHOICES:
            options = (UNKNOWN,)
        texts = [(*text, *option) for text in texts for option in options]
    found = [Text(deps, whole=whole_known, parts=normal(text)) for text in dict.fromkeys(texts)]
    return found[0] if len(found) == 1 else join(found)


def binary(operator: ast.operator, left: Value, right: Value) -> Value | None:
    """``left + right``, ``left % right``, ``left / right`` of texts and paths; None for anything else."""
    text: Text | None = None
    if isinstance(operator, ast.Add) and (is_text(left) or is_text(right)):
        return joined([left, right])
    if isinstance(operator, ast.Mod) and is_text(left):
        text = made(_percent(parts_of(left), right), deps_of(left, right))
    elif isinstance(operator, ast.Div) and _is_path(left, right):
        text = path_of([left, right], deps_of(left, right))
    if text is not None:
        text.whole = is_whole(left, right)
    return text


def _is_path(*values: Value) -> bool:
    return any(isinstance(value, Text) and value.path for value in values)


def _percent(parts: Parts, given: Value) -> list[str | None]:
    items = list(given.items) if isinstance(given, Container) and given.exact and given.keys is None else [given]
    names = _named(given)
    found: list[str | None] = []
    for part in parts:
        if part is None:
            found.append(None)
            continue
        end = 0
        for match in _PERCENT.finditer(part):
            found.append(part[end : match.start()])
            end = match.end()
            if match[2] == "%":
                found.append("%")
            elif match[1] is not None:
                found.extend(parts_of(names[match[1]]) if match[1] in names else UNKNOWN)
            else:
                found.extend(parts_of(items.pop(0)) if items else UNKNOWN)
        found.append(part[end:])
    return found


def _named(value: Value) -> dict[str, Value]:
    if not isinstance(value, Container) or value.keys is None:
        return {}
    pairs = zip(value.keys, value.items, strict=True)
    return {str(key.value): item for key, item in pairs if isinstance(key, Constant)}


# methods of text


def text_method(owner: Value, name: str, given: Arguments) -> Value | None:
    """What a method of a text or path gives, as far as that is text; None where nothing is known of it."""
    deps = deps_of(owner) | given.deps()
    if isinstance(owner, Text) and owner.path and name in _PATH_METHODS:
        return _PATH_METHODS[name](owner, given, deps)
    handler = _METHODS.get(name)
    if handler is None:
        return None
    return Text(deps, parts=normal(handler(parts_of(owner), given)))


def _format(parts: Parts, given: Arguments) -> Iterable[str | None]:
    positional = list(given.positional)
    automatic = iter(range(len(positional)))
    for part in parts:
        if part is None:
            yield None
            continue
        try:
            fields = list(string.Formatter().parse(part))
        except ValueError:
            yield None
            continue
        for literal, field, _, _ in fields:
            yield literal
            if field is None:
                continue
            index = field or str(next(automatic, -1))
            if index.isdigit() and int(index) < len(positional):
                yield from parts_of(positional[int(index)])
            elif index in given.keywords:
                yield from parts_of(given.keywords[index])
            else:
                yield None


def _join(parts: Parts, given: Arguments) -> Iterable[str | None]:
    items = given.first()
    if not isinstance(items, Container) or not items.exact or items.keys is not None:
        return UNKNOWN
    found: list[str | None] = []
    for number, item in enumerate(items.items):
        found.extend((*(parts if number else ()), *parts_of(item)))
    return found


def _each(change: Callable[[str], str]) -> Callable[[Parts, Arguments], Iterable[str | None]]:
    return lambda parts, _: [part if part is None else change(part) for part in parts]


def _ends(parts: Parts, _: Arguments) -> Iterable[str | None]:
    """``strip``: what it takes off is not looked at beyond white space."""
    found = list(parts)
    if found and found[0] is not None:
        found[0] = found[0].lstrip()
    if found and found[-1] is not None:
        found[-1] = found[-1].rstrip()
    return found


def _replace(parts: Parts, given: Arguments) -> Iterable[str | None]:
    if len(given.positional) < 2:
        return UNKNOWN
    old, new = whole(parts_of(given.positional[0])), parts_of(given.positional[1])
    if not old:
        return UNKNOWN
    found: list[str | None] = []
    for part in parts:
        if part is None:
            found.append(None)
            continue
        for number, piece in enumerate(part.split(old)):
            found.extend((*(new if number else ()), piece))
    return found


def _same(parts: Parts, _: Arguments) -> Iterable[str | None]:
    return parts


_METHODS: Final[dict[str, Callable[[Parts, Arguments], Iterable[str | None]]]] = {
    "format": _format,
    "join": _join,
    "lower": _each(str.lower),
    "upper": _each(str.upper),
    "strip": _ends,
    "lstrip": _ends,
    "rstrip": _ends,
    "replace": _replace,
    # Words of a program, which are read as the line that they were.
    "split": lambda parts, given: UNKNOWN if given.positional or given.keywords else parts,
    **dict.fromkeys(("encode", "decode", "bindparams", "columns", "execution_options", "as_string"), _same),
    **dict.fromkeys(("removeprefix", "removesuffix", "format_map", "title", "capitalize"), lambda *_: UNKNOWN),
}


# paths


def path_of(values: Sequence[Value], deps: Deps, *, path: bool = True) -> Text:
    """Paths put together, as ``Path(a, b)`` and ``os.path.join`` do."""
    found: Parts = ()
    for value in values:
        parts = parts_of(value)
        start = parts[0] if parts else ""
        absolute = isinstance(start, str) and start.startswith(("/", TREE))
        if absolute or not found:
            found = parts
        elif parts:
            found = normal((*found, "/", *parts))
    return Text(deps, parts=_tidy(found), path=path)


def _tidy(parts: Parts) -> Parts:
    text = whole(parts)
    if not text or "://" in text:
        return parts
    if text.startswith(TREE):
        return (TREE + posixpath.normpath(text[1:]),)
    return (posixpath.normpath(text),)


def folder_of(parts: Parts) -> Parts:
    """The folder that a path stands in."""
    text = whole(parts)
    if text is not None:
        mark = TREE if text.startswith(TREE) else ""
        return _tidy((mark + (posixpath.dirname(text.removeprefix(TREE)) or "."),))
    last = parts[-1]
    if isinstance(last, str) and "/" in last:
        return normal((*parts[:-1], last.rpartition("/")[0]))
    return UNKNOWN


def path_attribute(owner: Text, name: str) -> Value | None:
    """``path.parent``, ``path.name`` and the like; None for what is no text."""
    if name == "parent":
        return Text(owner.deps, whole=owner.whole, parts=folder_of(owner.parts), path=True)
    if name in ("name", "stem", "suffix"):
        text = whole(owner.parts)
        if text is None:
            return made(UNKNOWN, owner.deps)
        base = posixpath.basename(text.removeprefix(TREE))
        stem, suffix = posixpath.splitext(base)
        return made(({"name": base, "stem": stem, "suffix": suffix}[name],), owner.deps)
    return None


def _with_name(owner: Text, given: Arguments, deps: Deps) -> Value:
    folder = Text(deps, parts=folder_of(owner.parts), path=True)
    return path_of([folder, given.first()], deps)


def _with_suffix(owner: Text, given: Arguments, deps: Deps) -> Value:
    text = whole(owner.parts)
    stem: Parts = UNKNOWN if text is None else (posixpath.splitext(text)[0],)
    return made((*stem, *parts_of(given.first())), deps, path=True)


_PATH_METHODS: Final[dict[str, Callable[[Text, Arguments, Deps], Value]]] = {
    "joinpath": lambda owner, given, deps: path_of([owner, *given.positional], deps),
    "with_name": _with_name,
    "with_suffix": _with_suffix,
    **dict.fromkeys(
        ("resolve", "absolute", "expanduser", "as_posix", "__fspath__"),
        lambda owner, _, deps: Text(deps, parts=owner.parts, path=True),
    ),
    **dict.fromkeys(
        ("iterdir", "glob", "rglob"),
        lambda owner, _, deps: Container([made((*owner.parts, "/", None), deps, path=True)], exact=False),
    ),
}
