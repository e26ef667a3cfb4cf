"""Methods of lists, tuples, sets and dicts."""

from __future__ import annotations

from govflow.planning.arguments import Arguments
from govflow.planning.joins import deps_of, join
from govflow.planning.machine import Machine
from govflow.planning.members import element, iterate
from govflow.planning.values import NONE, Constant, Container, Data, Value

_ADDING = frozenset({"append", "add", "appendleft", "put", "put_nowait"})
_EXTENDING = frozenset({"extend", "update", "union", "extendleft"})


def call_container_method(machine: Machine, owner: Container, name: str, given: Arguments) -> Value:
    """``owner.name(...)``. What may be put in, is in; nothing is ever taken out."""
    if name in _ADDING:
        # In a loop, or on a path that may not run, the position of what was added is not known.
        owner.exact = owner.exact and not (machine.many or machine.optional)
        owner.add(given.first())
        return NONE
    if name == "insert":
        owner.exact = False
        owner.add(given.positional[1] if len(given.positional) > 1 else given.first())
        return NONE
    if name in _EXTENDING:
        return _extend(machine, owner, given)
    if name == "copy":
        return Container(list(owner.items), None if owner.keys is None else list(owner.keys), owner.exact)
    if owner.keys is not None:
        return _call_dict_method(machine, owner, name, given)
    if name in ("pop", "popleft"):
        owner.exact = False
        return join(owner.items) if owner.items else Data()
    if name in ("sort", "reverse", "clear", "remove", "discard"):
        owner.exact = False
        return NONE
    return Data(deps_of(owner) | given.deps())


def _extend(machine: Machine, owner: Container, given: Arguments) -> Value:
    for value in given.positional:
        if isinstance(value, Container) and owner.keys is not None and value.keys is not None:
            for key, item in zip(list(value.keys), list(value.items), strict=True):  # it may be the owner itself
                owner.add(item, key)
            owner.exact = owner.exact and value.exact and not (machine.many or machine.optional)
        elif isinstance(value, Container) and owner.keys is None:
            for item in list(value.items if value.keys is None else value.keys):
                owner.add(item)
            owner.exact = owner.exact and value.exact and not (machine.many or machine.optional)
        else:
            owner.exact = False
            owner.add(iterate(machine, value))
    for name, value in given.keywords.items():
        owner.add(value, Constant(name))
    owner.settle()
    return owner


def _call_dict_method(machine: Machine, owner: Container, name: str, given: Arguments) -> Value:
    keys = owner.keys or []
    if name == "items":
        pairs: list[Value] = [Container([key, item]) for key, item in zip(keys, owner.items, strict=True)]
        return Container(pairs, exact=owner.exact)
    if name == "values":
        return Container(list(owner.items), exact=owner.exact)
    if name == "keys":
        return Container(list(keys), exact=owner.exact)
    if name in ("get", "pop"):
        found = element(machine, owner, given.first())
        return join((found, *given.positional[1:])) if len(given.positional) > 1 else found
    if name == "setdefault" and len(given.positional) > 1:
        owner.add(given.positional[1], given.positional[0])
        return element(machine, owner, given.first())
    if name == "popitem":
        return Container([join(keys), join(owner.items)]) if owner.items else Data()
    return Data(deps_of(owner) | given.deps())
