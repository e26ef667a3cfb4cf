"""Scopes of names, with branches that can be merged."""

from __future__ import annotations

from govflow.planning.joins import join
from govflow.planning.values import Value


class Scope:
    """Names of a module, a class, a function or a comprehension.

    A branch writes into an overlay of its own; merging costs what the branches wrote, not what the scope holds.
    """

    __slots__ = ("_layers", "is_class", "outward", "parent", "prefix")

    def __init__(self, parent: Scope | None = None, *, prefix: str = "", is_class: bool = False) -> None:
        self.parent = parent
        self.prefix = prefix  # of the qualified names of what a class body defines
        self.is_class = is_class
        self.outward: dict[str, Scope] = {}  # ``global`` and ``nonlocal`` names
        self._layers: list[dict[str, Value]] = [{}]

    def own(self, name: str) -> Value | None:
        """The value of a name of this very scope."""
        layers = self._layers
        if len(layers) == 1:  # outside branches, where most names are read
            return layers[0].get(name)
        for layer in reversed(layers):
            if name in layer:
                return layer[name]
        return None

    def find(self, name: str) -> Value | None:
        """The value of a name here or in an enclosing scope."""
        scope: Scope | None = self
        while scope is not None:
            if scope.outward and name in scope.outward:
                return scope.outward[name].own(name)
            value = scope.own(name)
            if value is not None:
                return value
            scope = scope.parent
        return None

    def found_inside(self, name: str) -> Value | None:
        """The value of a name that a function or a class gives it; None where it is the module's, or not there.

        A function may come from another reading of its module, so it is asked where the name is, not what it is.
        """
        scope: Scope | None = self
        while scope is not None and scope.parent is not None:
            if name in scope.outward:
                outer = scope.outward[name]
                return None if outer.parent is None else outer.own(name)
            value = scope.own(name)
            if value is not None:
                return value
            scope = scope.parent
        return None

    def bind(self, name: str, value: Value) -> None:
        """Give a name a value from here on."""
        target = self.outward.get(name)
        if target is not None and target is not self:
            # Another frame may see the old value: keep both.
            target.bind(name, join((target.own(name), value)))
        else:
            self._layers[-1][name] = value

    def names(self) -> dict[str, Value]:
        """All names of this scope."""
        merged: dict[str, Value] = {}
        for layer in self._layers:
            merged.update(layer)
        return merged

    def forget(self) -> None:
        """Let go of every name."""
        self._layers = [{}]
        self.outward.clear()

    def open_branch(self) -> None:
        """Start a branch: what it binds can be taken back."""
        self._layers.append({})

    def close_branch(self) -> dict[str, Value]:
        """End the branch and hand over what it bound."""
        return self._layers.pop()

    def merge(self, *branches: dict[str, Value], complete: bool) -> None:
        """Let any one of these branches have run; ``complete`` says that one of them did."""
        for name in dict.fromkeys(name for branch in branches for name in branch):
            before = self.own(name)
            found = [branch.get(name, before) for branch in branches]
            if not complete:
                found.insert(0, before)
            self.bind(name, join(found))
