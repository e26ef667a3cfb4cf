"""What a catalogue holds once it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

READERS: Final = frozenset({"sql", "http", "open", "command"})
"""Who reads the arguments of a call where a template is not enough."""


@dataclass(frozen=True, slots=True)
class Call:
    """What calling something does. ``effect_none``: known, and harmless; then nothing else counts.

    Attributes:
        names: the callees of this entry, as the file has them.
        arguments: names of the positional arguments, in order; a method's do not count its object.
        keywords: names of arguments that are given by name only.
        reads: the reader of the arguments, ``""`` for none: ``sql`` takes action and tables from SQL text, ``http``
            action and address from method and URL, ``open`` the action from a file mode, ``command`` the program.
        subject: the argument that the reader reads; ``""`` for the first one.
        dialect: of SQL text, in sqlglot's words; ``""`` if it is not known here.
        connection: the argument that holds the connection (``con`` of ``to_sql``): its object tells provider and
            dialect. ``""``: the object that the method is called on does.
        method: of an HTTP request; ``""``: the argument named ``method`` tells.
        mode: of opening a file, if the argument named ``mode`` is not given; ``lines`` where a list of commands holds
            lines for a shell, and not one program with its arguments.
        needs: the argument without which, or with a buffer in memory for it, the call does nothing to the world.
        action: ``""`` if the reader finds it.
        by: the argument whose constant chooses another action; ``""`` for none.
        actions: that constant to action.
        provider: ``""`` if the connection, the URL or the path tells it.
        resource: a template for :func:`~govflow.planning.effects.catalogue.templates.fill`; ``""`` if the reader
            finds it.
        unbounded: whether the call always touches everything that is there.
        condition: the argument that says what is touched: empty, everything is.
        runs: what the call runs besides, as a program: loading a ``pickle`` runs what is in it; ``""`` for nothing.
        tamed: the argument with which it runs nothing, where it is true; ``""`` for none.
        source: the public reference that the entry was taken from.
        place: the entry, for messages: ``http.yaml: calls[3]``.
    """

    names: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    reads: str = ""
    subject: str = ""
    dialect: str = ""
    connection: str = ""
    method: str = ""
    mode: str = "r"
    needs: str = ""
    action: str = ""
    by: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""
    resource: str = ""
    unbounded: bool = False
    condition: str = ""
    runs: str = ""
    tamed: str = ""
    effect_none: bool = False
    source: str = ""
    place: str = ""

    def action_for(self, chosen: object) -> str:
        """The action of a call whose argument ``by`` is this constant; None or another value for one not known.

        ``none``: with that constant the call does nothing to the world.
        """
        return self.actions.get(chosen, self.action) if isinstance(chosen, str) else self.action


@dataclass(frozen=True, slots=True)
class ObjectType:
    """What a call gives: an object with methods that the catalogue knows.

    An object keeps the constants that it was made with under the names in ``arguments``, and those of the object whose
    method or attribute made it: a template of one of its methods may name any of them.

    Attributes:
        name: of the kind of object, with a hyphen: ``postgres-cursor``; ``aws-client(s3)`` where it is always that.
        made_by: what makes it: dotted functions and classes, methods, attributes, and ``object[]`` for a subscript or
            an attribute that has no name here; then its key or name is the first of ``arguments``.
        types: annotations that mean it.
        arguments: names of the positional arguments of what makes it.
        keywords: names of arguments that are given by name only.
        key: the argument that tells objects of this kind apart, ``""`` for none.
        provider: of the object, for methods that do not say; ``""`` if not known.
        dialect: of its SQL, likewise.
        source: the public reference.
        place: the entry, for messages.
    """

    name: str
    made_by: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    key: str = ""
    provider: str = ""
    dialect: str = ""
    source: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One catalogue file."""

    where: str
    family: str
    about: str
    objects: tuple[ObjectType, ...] = ()
    calls: tuple[Call, ...] = ()
    harmless: Mapping[str, str] = field(default_factory=dict)  # name or glob to its source
