"""The digest of what a body does: its normal form and that of everything of the repository that it reads.

What a body reads is found by :class:`govflow.planning.reach.Reading`.
"""

from __future__ import annotations

from collections.abc import Iterable

from govflow.planning.imports import active_statements, imported_modules
from govflow.planning.machine import Machine
from govflow.planning.normal_form import Form, digest
from govflow.planning.options import Option
from govflow.planning.reach import Reading
from govflow.planning.values import (
    BoundFunction,
    ClassValue,
    External,
    FlowValue,
    Function,
    Instance,
    Partial,
    PastTask,
    TaskValue,
    Value,
)


class Bodies:
    """Digests of bodies of one reading."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        # The function is held: two closures of one definition are two functions, told apart by the id of their scope.
        self._digests: dict[tuple[int, int, str], tuple[str, Function]] = {}
        self.touched: dict[str, None] = {}  # files that a body imports

    def digest_of(self, value: Value, role: str) -> str:
        """``sha256:`` digest of a callable. ``role`` is what it is to the plan: flow, task or helper."""
        value = self._machine.resolve(value)
        if isinstance(value, BoundFunction):
            value = value.function
        if isinstance(value, Function):
            key = (id(value.node), id(value.scope), role)
            known = self._digests.get(key)
            if known is None:
                self._machine.use(value, role)
                reading = self._reading()
                reading.function(value)
                known = self._digests[key] = (digest(reading.document()), value)
            return known[0]
        return digest(self._other(value, role))

    def with_options(self, code: str, options: tuple[Option, ...]) -> str:
        """A digest of code together with the options that decide whether and how it runs."""
        if not options:
            return code
        found = []
        for option in sorted(options, key=lambda item: item.name):
            reading = self._reading()
            reading.expression(option.module, option.value)
            found.append([option.name, reading.document()])
        return digest(["with options", code, found])

    def with_imports(self, code: str, paths: Iterable[str]) -> str:
        """A digest of code together with what runs when these files and those that they import are imported.

        Every body of the flow must have been read before: imports inside bodies count.
        """
        reading, acting = self._reading(), False
        for module in imported_modules(self._machine, [*paths, *self.touched]):
            for statement in active_statements(self._machine, module):
                reading.statement(module, statement)
                acting = True
        return digest(["with imports", code, reading.document()]) if acting else code

    def _reading(self) -> Reading:
        return Reading(self._machine, self.touched)

    def _other(self, value: Value, role: str) -> Form:
        match value:
            case TaskValue(fn=fn) | FlowValue(fn=fn) | Partial(target=fn):
                return ["of", self.digest_of(fn, role)]
            case PastTask(runnable=runnable):
                return ["of", self.digest_of(runnable.fn, role)]
            case External(dotted=dotted):
                return ["external", dotted]
            case ClassValue() as cls:
                reading = self._reading()
                reading.whole_class(cls)
                return reading.document()
            case Instance(cls=cls):
                return self._other(cls, role)
        return ["unknown"]
