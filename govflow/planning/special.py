"""Special methods of classes of the repository, which operators, loops, texts and attributes call.

Each function here gives None where the value is of no class of the repository that has such a method: then the
operator does what it does to data.
"""

from __future__ import annotations

import ast
from typing import Final

from govflow.planning.arguments import Arguments
from govflow.planning.joins import join, made_from
from govflow.planning.machine import Machine
from govflow.planning.values import Choice, ClassValue, Data, Instance, Object, Value

_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
}
_UNARY: Final[dict[type[ast.AST], str]] = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}
_COMPARING: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.Eq: ("__eq__", "__eq__"),
    ast.NotEq: ("__ne__", "__ne__"),
    ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"),
    ast.Gt: ("__gt__", "__lt__"),
    ast.GtE: ("__ge__", "__le__"),
}
_TRUTH: Final = ("__bool__", "__len__")
_PRINTED: Final = ("__str__", "__repr__")
FORMATTED: Final = ("__format__", *_PRINTED)
SHOWN: Final = ("__repr__",)
_OF_BUILTINS: Final[dict[str, tuple[str, ...]]] = {
    "abs": ("__abs__",),
    "ascii": SHOWN,
    "bool": _TRUTH,
    "bytes": ("__bytes__",),
    "complex": ("__complex__",),
    "dir": ("__dir__",),
    "divmod": ("__divmod__",),
    "float": ("__float__", "__index__"),
    "format": FORMATTED,
    "hash": ("__hash__",),
    "int": ("__int__", "__index__"),
    "len": ("__len__",),
    "pow": ("__pow__",),
    "print": _PRINTED,
    "repr": SHOWN,
    "reversed": ("__reversed__",),
    "round": ("__round__",),
    "str": _PRINTED,
}


def special(machine: Machine, owner: Value, names: tuple[str, ...], *given: Value) -> Value | None:
    """What the first of these methods that the class of a value has gives."""
    match owner:
        case Instance():
            return _called(machine, owner, names, given)
        case Object(cls=ClassValue() as cls):
            from govflow.planning.calls import some_instance  # calls need these too

            if _member(cls, names) is None:
                return None
            with machine.charged(machine.frame.deeds, recording=False):
                _called(machine, some_instance(machine, cls, machine.at), names, given)
            return made_from(owner, *given)
        case Choice(options=options):
            if not any(isinstance(option, Instance | Object) for option in options):
                return None
            with machine.maybe():
                found = [special(machine, option, names, *given) for option in options]
            if all(one is None for one in found):
                return None
            return join(
                [made_from(option, *given) if one is None else one for option, one in zip(options, found, strict=True)]
            )
    return None


def _member(cls: ClassValue, names: tuple[str, ...]) -> Value | None:
    from govflow.planning.members import class_member  # members need these too

    return next((found for found in (class_member(cls, name) for name in names) if found is not None), None)


def _called(machine: Machine, owner: Instance, names: tuple[str, ...], given: tuple[Value, ...]) -> Value | None:
    from govflow.planning.calls import call
    from govflow.planning.members import bind

    found = _member(owner.cls, names)
    if found is None or isinstance(found, Data):
        return None
    return call(machine, bind(machine, found, owner, machine.at), Arguments(list(given)), machine.at)


def operated(machine: Machine, operator: ast.operator, left: Value, right: Value, node: ast.AST) -> Value | None:
    """``left + right``: a method of the left, else one of the right."""
    machine.at = node
    name = _OPERATORS[type(operator)]
    found = special(machine, left, (f"__{name}__",), right)
    return special(machine, right, (f"__r{name}__",), left) if found is None else found


def augmented(machine: Machine, operator: ast.operator, left: Value, right: Value, node: ast.AST) -> Value | None:
    """``left += right``."""
    machine.at = node
    found = special(machine, left, (f"__i{_OPERATORS[type(operator)]}__",), right)
    return operated(machine, operator, left, right, node) if found is None else found


def turned(machine: Machine, operator: ast.unaryop, value: Value, node: ast.AST) -> Value | None:
    """``-value``."""
    machine.at = node
    if isinstance(operator, ast.Not):
        truth(machine, value, node)
        return None
    return special(machine, value, (_UNARY[type(operator)],))


def compared(machine: Machine, operator: ast.cmpop, left: Value, right: Value, node: ast.AST) -> None:
    """``left < right``, ``left in right``."""
    machine.at = node
    if isinstance(operator, ast.In | ast.NotIn):
        if special(machine, right, ("__contains__",), left) is None:
            each_of(machine, right)
    elif type(operator) in _COMPARING:
        name, turned_round = _COMPARING[type(operator)]
        names = (name, "__eq__") if name == "__ne__" else (name,)
        if special(machine, left, names, right) is None:
            special(machine, right, (turned_round,), left)


def truth(machine: Machine, value: Value, node: ast.AST) -> None:
    """A value is asked whether it is true."""
    machine.at = node
    special(machine, value, _TRUTH)


def each_of(machine: Machine, owner: Value) -> Value | None:
    """One element of an object that is iterated."""
    if not isinstance(owner, Instance | Object):
        return None
    made = special(machine, owner, ("__iter__", "__aiter__"))
    if made is None:
        names = ("__next__", "__anext__") if isinstance(owner, Instance) else ()
        found = special(machine, owner, names)
        return special(machine, owner, ("__getitem__",), Data()) if found is None else found
    if isinstance(made, Instance):
        return special(machine, made, ("__next__", "__anext__")) or made_from(made)
    if isinstance(owner, Object):
        return None
    from govflow.planning.members import iterate

    return iterate(machine, made)


def builtin_called(machine: Machine, name: str, given: Arguments) -> Value | None:
    """What a builtin calls of the objects that it is given: ``len(x)``, ``print(x)``."""
    names = _OF_BUILTINS.get(name)
    if names is None:
        return None
    found = [special(machine, value, names) for value in given.positional]
    return found[0] if found and name != "print" else None
