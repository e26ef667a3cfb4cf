"""The arguments of a call by name, as a reader asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from govflow.planning.arguments import Arguments
from govflow.planning.effects.texts import Parts, parts_of, texts_of
from govflow.planning.values import Choice, ClassValue, Constant, Container, Instance, Object, Value


def by_name(names: Sequence[str], given: Arguments) -> dict[str, Value]:
    """Values by the names that the catalogue has for them; what has none is left out."""
    found = dict(zip(names, given.positional, strict=False))
    found.update(given.keywords)
    return found


def table_of(value: Value | None) -> Parts | None:
    """The name of the table that a mapped class, a row of it or a table object stands for."""
    if isinstance(value, Object) and "name" in value.given:
        schema = value.given.get("schema")
        return (*(() if schema is None else (*parts_of(schema), ".")), *parts_of(value.given["name"]))
    cls = value.cls if isinstance(value, Instance) else value
    if not isinstance(cls, ClassValue):
        return None
    name = cls.members.get("__tablename__")
    return (cls.qualname.rpartition(".")[2].lower(),) if name is None else parts_of(name)


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
        value = self.value(name)
        found = table_of(value)
        return texts_of(value) if found is None else (found,)

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
