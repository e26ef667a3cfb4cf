"""The arguments that a call node gives, ``*`` and ``**`` spread out."""

from __future__ import annotations

import ast

from govflow.planning.arguments import Arguments
from govflow.planning.joins import deps_of
from govflow.planning.machine import Machine
from govflow.planning.members import iterate
from govflow.planning.values import Constant, Container, Data, Origin, Value

_MOST_SPREAD = 10_000  # arguments that are told apart


def evaluate_arguments(machine: Machine, node: ast.Call) -> Arguments:
    """The arguments of a call, ``*`` and ``**`` spread as far as they are known."""
    found = Arguments()
    for argument in node.args:
        if type(argument) is not ast.Starred:
            (found.rest if found.rest else found.positional).append(machine.evaluate(argument))
            continue
        value = machine.evaluate(argument.value)
        few = len(found.positional) < _MOST_SPREAD
        if isinstance(value, Container) and value.keys is None and value.exact and not found.rest and few:
            found.positional.extend(value.items)
        else:
            found.rest.append(iterate(machine, value))
    for keyword in node.keywords:
        value = machine.evaluate(keyword.value)
        if keyword.arg is not None:
            found.keywords[keyword.arg] = value
        else:
            spread(machine, value, found)
    return found


def spread(machine: Machine, value: Value, found: Arguments) -> None:
    """Add the items of a mapping as keywords, as far as its keys are known."""
    if isinstance(value, Container) and value.keys is not None:
        for key, item in zip(value.keys, value.items, strict=True):
            if isinstance(key, Constant) and isinstance(key.value, str):
                found.keywords[key.value] = item
            else:
                found.rest.append(item)
    else:
        found.rest.append(Data(deps_of(value), value.origin if isinstance(value, Data) else Origin.COMPUTED))
