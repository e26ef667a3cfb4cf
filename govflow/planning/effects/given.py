"""The arguments of a call by name, as a reader asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from govflow.planning.arguments import Arguments
from govflow.planning.effects.texts import Parts, texts_of
from govflow.planning.values import Choice, Constant, Container, Object, Value


def by_name(names: Sequence[str], given: Arguments) -> dict[str, Value]:
    """Values by the names that the catalogue has for them; what has none is left out."""
    found = dict(zip(names, given.positional, strict=False))
    found.update(given.keywords)
    return found


class Given:
    """Arguments of a call, and behind them those that its object was made with."""

    def __init__(self, values: Mapping[str, Value], behind: Mapping[str, Value], receiver: Object | None) -> None:
        self._values = values
        self._behind = behind
        self.receiver = receiver

    def value(self, name: str) -> Value | None:
        """An argument; None if it is not given."""
        found = self._values.get(name)
        return self._behind.get(name) if found is None else found

    def own(self, name: str) -> Value | None:
        """An argument of the call itself."""
        return self._values.get(name)

    def texts(self, name: str) -> tuple[Parts, ...]:
        """Each text that an argument may be."""
        return texts_of(self.value(name))

    def constant(self, name: str) -> object | None:
        """An argument that is a literal."""
        value = self.value(name)
        return value.value if isinstance(value, Constant) else None

    def objects(self, name: str) -> Iterator[Object]:
        """Objects of outside code that an argument may be; ``""`` for the object that the method is called on."""
        value: Value | None = self.receiver if not name else self.value(name)
        for option in value.options if isinstance(value, Choice) else (value,):
            if isinstance(option, Object):
                yield option

    def items(self, name: str) -> list[Value] | None:
        """The items of an argument that is a list or tuple."""
        value = self.value(name)
        return list(value.items) if isinstance(value, Container) and value.keys is None else None
