"""The catalogue as the reader of effects asks it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

from govflow.planning.effects.catalogue import shipped
from govflow.planning.effects.catalogue.document import read_document
from govflow.planning.effects.catalogue.entries import Call, ObjectType
from govflow.planning.effects.catalogue.index import Callee, Index, Match
from govflow.planning.effects.catalogue.shipped import Shipped
from govflow.planning.effects.catalogue.templates import of_callee


class Catalogue:
    """What calls do, by their names. Immutable: it reads more of what ships when asked, and answers the same.

    A file that a user adds comes before what ships and before the files added earlier; only entries for any receiver
    (``*.method``) wait until nothing names the callee. Within one file the more specific entry wins: exact before
    glob, with a key before without.
    """

    def __init__(self, shipped: Shipped, added: tuple[Index, ...], digests: tuple[str, ...]) -> None:
        self._shipped = shipped
        self._added = added
        self._layers = (*added, shipped.index)
        self._digests = digests
        self._calls: dict[str, Call | None] = {}
        self._makers: dict[str, ObjectType | None] = {}
        self._harmless: dict[str, bool] = {}

    @classmethod
    def default(cls) -> Catalogue:
        """The catalogue that ships."""
        return _default()

    def extended(self, text: str, where: str) -> Catalogue:
        """This catalogue with a file on top.

        Args:
            text: YAML.
            where: the file's name, for errors.

        Raises:
            PolicyError: names the file, the line, the field and the mend.
        """
        added = Index((read_document(text, where),))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Catalogue(self._shipped, (added, *self._added), (*self._digests, digest))

    @property
    def digest(self) -> str:
        """``sha256:`` digest of the files; it changes whenever one does."""
        whole = hashlib.sha256("\0".join((shipped.digest(), *self._digests)).encode())
        return f"sha256:{whole.hexdigest()}"

    def find(self, callee: str) -> Call | None:
        """What calling this does; None if nothing is known.

        Args:
            callee: ``requests.post``, ``object.method``, ``object(key).method``, or ``*.method`` for a method of an
                object that nobody knows. In its resource template ``{.key}``, ``{.method}`` and ``{*}`` are filled in.
        """
        try:
            return self._calls[callee]
        except KeyError:
            found = self._calls[callee] = self._find(callee)
            return found

    def maker(self, callee: str) -> ObjectType | None:
        """The kind of object that calling (or reading, or subscripting with ``object[]``) this gives."""
        try:
            return self._makers[callee]
        except KeyError:
            found = self._makers[callee] = self._maker(callee)
            return found

    def type_of(self, annotation: str) -> str | None:
        """The object, with its key where it always has one, that a dotted annotation means."""
        self._shipped.ensure(Callee(annotation, None).root)
        return next((layer.types[annotation] for layer in self._layers if annotation in layer.types), None)

    def is_harmless(self, name: str) -> bool:
        """Whether a dotted function or a method is known to do nothing to the world. Ask :meth:`find` first."""
        known = self._harmless.get(name)
        if known is None:
            callee = Callee.of(_plain(name))
            self._shipped.ensure(callee.root)
            known = any(layer.is_harmless(callee.name) is not None for layer in self._layers)
            self._harmless[name] = known
        return known

    def _find(self, text: str) -> Call | None:
        callee = Callee.of(_plain(text))
        for layer in self._added:
            if match := layer.calls.find(callee):
                return _filled(match, callee)
            if (source := layer.is_harmless(callee.name)) is not None:
                return Call((callee.name,), effect_none=True, source=source, place=source)
        self._shipped.ensure(callee.root)
        if match := self._shipped.index.calls.find(callee):
            return _filled(match, callee)
        head, _, method = callee.name.rpartition(".")
        if "-" in callee.root or head == "*":
            for layer in self._layers:
                if call := layer.any_receiver.get(method):
                    return _filled(Match(call), callee)
        elif head and (made := self.type_of(head)) and (call := self.find(f"{made}.{method}")):
            # A method called on its class (`Path.unlink(path)`): the object is its first argument.
            return replace(call, arguments=("self", *call.arguments))
        return None

    def _maker(self, text: str) -> ObjectType | None:
        callee = Callee.of(_plain(text))
        self._shipped.ensure(callee.root)
        for layer in self._layers:
            if match := layer.makers.find(callee):
                return match.entry
        return None


def _plain(callee: str) -> str:
    return callee.removeprefix("builtins.")


def _filled(match: Match[Call], callee: Callee) -> Call:
    call = match.entry
    resource = of_callee(call.resource, callee.name, callee.key, match.star)
    return call if resource == call.resource else replace(call, resource=resource)


@cache
def _default() -> Catalogue:
    return Catalogue(Shipped(), (), ())
