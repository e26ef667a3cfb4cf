"""Reading a catalogue file: its shape, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from govflow.planning.effects.catalogue.entries import READERS, Call, Document, ObjectType
from govflow.planning.effects.catalogue.nodes import Fields, read_yaml, refuse, refuse_unknown
from govflow.planning.effects.catalogue.templates import names_in

VERSION: Final = "1"

_SECTION: Final = frozenset({"source", "provider", "dialect", "reads", "objects", "calls", "harmless"})
_FILE: Final = frozenset({"version", "family", "about", *_SECTION, "sections"})
_OBJECT: Final = frozenset(
    {"name", "made_by", "types", "arguments", "keywords", "key", "provider", "dialect", "source"}
)
_CALL: Final = frozenset(
    {"call", "arguments", "keywords", "reads", "subject", "dialect", "connection", "method", "mode", "needs", "action"}
    | {"condition", "runs", "tamed", "by", "actions", "provider", "resource", "unbounded", "effect", "source"}
)
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*")
_OBJECT_NAME: Final = re.compile(r"(?=[^(]*-)[a-z][a-z0-9-]*(\([^()]+\))?")
# A dotted function; or an object, with a key or not, and a method, attribute or []; or any receiver and a method.
_CALLEE: Final = re.compile(r"(\*|[A-Za-z_][\w-]*(\([^()]+\))?)(\.[\w*?]+)*(\[\])?")


@dataclass(frozen=True, slots=True)
class _Given:
    """What a section says for all of its entries."""

    source: str = ""
    provider: str = ""
    dialect: str = ""
    reads: str = ""


def read_document(text: str, where: str) -> Document:
    """Read a catalogue file.

    Raises:
        PolicyError: names file, line, field and mend.
    """
    file = read_yaml(text, where)
    file.known(_FILE)
    if (version := file.text("version")) != VERSION:
        refuse(file.place("version"), f"expected {VERSION}, found {version!r}", f"Write `version: {VERSION}`.")
    top = _Given(source=where)
    document = Document(where, file.text("family", where), file.text("about"))
    for section, given in _sections(file, top):
        document = replace(
            document,
            objects=(*document.objects, *(_object(entry, given) for entry in section.entries("objects"))),
            calls=(*document.calls, *(_call(entry, given) for entry in section.entries("calls"))),
            harmless={**document.harmless, **dict.fromkeys(section.texts("harmless"), given.source)},
        )
    return document


def _sections(file: Fields, top: _Given) -> Iterator[tuple[Fields, _Given]]:
    given = _given(file, top)
    yield file, given
    for section in file.entries("sections"):
        section.known(_SECTION)
        yield section, _given(section, given)


def _given(section: Fields, above: _Given) -> _Given:
    return _Given(
        source=section.text("source", above.source),
        provider=section.text("provider", above.provider),
        dialect=section.text("dialect", above.dialect),
        reads=_reader(section, above.reads),
    )


def _object(entry: Fields, given: _Given) -> ObjectType:
    entry.known(_OBJECT)
    made = ObjectType(
        name=entry.text("name"),
        made_by=_callees(entry, "made_by"),
        types=entry.texts("types"),
        arguments=entry.texts("arguments"),
        keywords=entry.texts("keywords"),
        key=entry.text("key"),
        provider=entry.text("provider", given.provider),
        dialect=entry.text("dialect", given.dialect),
        source=entry.text("source", given.source),
        place=str(entry.at),
    )
    if not _OBJECT_NAME.fullmatch(made.name):
        mend = "Write lower-case words with a hyphen, as in acme-client; a dotted name is a function."
        refuse(entry.place("name"), f"{made.name!r} is no name of an object", mend)
    if not made.made_by and not made.types:
        refuse(entry.at, "nothing makes this object", "Write made_by: [acme.connect], or types.")
    if made.key and made.key not in (*made.arguments, *made.keywords):
        mend = "Name it in arguments too, at its position, or in keywords."
        refuse(entry.place("key"), f"{made.key!r} is no argument of it", mend)
    return made


def _call(entry: Fields, given: _Given) -> Call:
    entry.known(_CALL)
    names = _callees(entry, "call")
    if not names:
        refuse(entry.place("call"), "missing", "Write call: [acme.client.send].")
    if "effect" in entry:
        return _harmless_call(entry, names, given)
    action = entry.text("action")
    # A call that names its own action has no need of the section's reader.
    reads = _reader(entry, "" if action else given.reads)
    made = Call(
        names=names,
        arguments=entry.texts("arguments"),
        keywords=entry.texts("keywords"),
        reads=reads,
        subject=entry.text("subject"),
        dialect=entry.text("dialect", given.dialect),
        connection=entry.text("connection"),
        method=entry.text("method"),
        mode=entry.text("mode", "r"),
        needs=entry.text("needs"),
        action=action,
        by=entry.text("by"),
        actions=entry.words("actions"),
        provider=entry.text("provider", given.provider),
        resource=entry.text("resource"),
        unbounded=_yes(entry, "unbounded"),
        condition=entry.text("condition"),
        runs=entry.text("runs"),
        tamed=entry.text("tamed"),
        source=entry.text("source", given.source),
        place=str(entry.at),
    )
    _check(entry, made)
    return made


def _harmless_call(entry: Fields, names: tuple[str, ...], given: _Given) -> Call:
    if (effect := entry.text("effect")) != "none":
        mend = "Write action, provider and resource for what it does; `effect: none` says that it does nothing."
        refuse(entry.place("effect"), f"expected none, found {effect!r}", mend)
    for name in ("action", "reads", "resource"):
        if name in entry:
            refuse(entry.place(name), "an entry with `effect: none` has none", "Remove one of the two.")
    return Call(
        names,
        entry.texts("arguments"),
        effect_none=True,
        source=entry.text("source", given.source),
        place=str(entry.at),
    )


def _check(entry: Fields, made: Call) -> None:
    if not made.action and not made.reads:
        mend = "Write action: data:write, or reads: sql, or effect: none."
        refuse(entry.at, "it does not say what the call does", mend)
    for name, action in (("action", made.action), *(("actions", action) for action in made.actions.values())):
        if action and not _ACTION.fullmatch(action) and not (name == "actions" and action == "none"):
            refuse(entry.place(name), f"{action!r} is no action", "Write domain:verb, as in data:write.")
    if made.actions and not (made.by and made.action):
        mend = "Write by: the argument that chooses, and action: for when it is none of these or not known."
        refuse(entry.place("actions"), "it does not say what chooses", mend)
    if made.action and not made.provider:
        refuse(entry.place("provider"), "missing", "Write what does it, as in provider: postgres.")
    if made.action and not made.resource:
        refuse(entry.place("resource"), "missing", "Write what it is done to, as in resource: 'dataset://{table}'.")
    own = {*made.arguments, *made.keywords}
    for name in ("subject", "connection", "by", "needs", "tamed", "condition"):
        value = getattr(made, name)
        if value and value not in own:
            refuse_unknown(entry.place(name), "argument", value, own)
    # A method may also name what its object was made with, which may stand in another file.
    if not any("-" in name.partition(".")[0] for name in made.names):
        for name in sorted(names_in(made.resource) - own):
            refuse_unknown(entry.place("resource"), "argument", name, own)


def _reader(entry: Fields, default: str) -> str:
    reads = entry.text("reads", default)
    if reads and reads not in READERS:
        refuse_unknown(entry.place("reads"), "reader", reads, READERS)
    return reads


def _callees(entry: Fields, name: str) -> tuple[str, ...]:
    found = entry.texts(name)
    for callee in found:
        if not _CALLEE.fullmatch(callee):
            mend = "Write acme.client.send, acme-client.send, acme-client(key).send or '*.send'."
            refuse(entry.place(name), f"{callee!r} names nothing that can be called", mend)
    return found


def _yes(entry: Fields, name: str) -> bool:
    value = entry.text(name, "false")
    if value not in ("true", "false"):
        refuse(entry.place(name), f"expected true or false, found {value!r}", "Write true or false.")
    return value == "true"
