"""Calls of code outside the repository: Prefect, builtins, and the few functions that pass calls on."""

from __future__ import annotations

import ast
from collections.abc import Callable

from govflow.ir.models import StepKind
from govflow.planning import vocabulary as words
from govflow.planning.arguments import Arguments, literals
from govflow.planning.calls import call, entered_with, escape, hand_over, left_with
from govflow.planning.inheritance import super_of
from govflow.planning.joins import holds_callable, is_whole, join, made_from, parts, runnable_in
from govflow.planning.machine import Machine, constant_of
from govflow.planning.members import attribute, iterate, loaded_module
from govflow.planning.modules import SourceModule
from govflow.planning.normal_form import digest
from govflow.planning.options import Options
from govflow.planning.runnables import make_runnable
from govflow.planning.special import builtin_called
from govflow.planning.unresolved import unresolved
from govflow.planning.values import (
    NO_DEPS,
    UNNAMED,
    Choice,
    ClassValue,
    Constant,
    Container,
    Data,
    External,
    Factory,
    FlowValue,
    Instance,
    ModuleNames,
    ModuleRef,
    Named,
    Origin,
    Partial,
    PastTask,
    TaskValue,
    Value,
)


def call_external(machine: Machine, dotted: str, given: Arguments, node: ast.AST) -> Value:
    """Call a function from outside the repository by its dotted name."""
    package, _, last = dotted.rpartition(".")
    if dotted in words.TASK_MAKERS:
        return make_runnable(machine, "task", Options(), given, node)
    if dotted in words.FLOW_MAKERS:
        return make_runnable(machine, "flow", Options(), given, node)
    if dotted in words.ASSET_TASK_MAKERS:
        return make_runnable(machine, "task", Options(), given, node, function_first=False)
    if dotted.partition(".")[0] in words.ENGINE_PACKAGES:
        return _call_engine(machine, dotted, last, given, node)
    if package == "builtins":
        handler = _BUILTINS.get(last)
        asked = builtin_called(machine, last, given)
        if asked is not None:
            return asked
        return made_from(*given.values()) if handler is None else handler(machine, last, given, node)
    if dotted in words.GATHERING:
        return Container([*given.positional, *given.rest], exact=not given.rest)
    if dotted in words.PASSING:
        return given.positional[1] if dotted == "typing.cast" and len(given.positional) > 1 else given.first()
    if dotted in words.PARTIAL and given.positional:
        return Partial(given.positional[0], tuple(given.positional[1:]), tuple(given.keywords.items()))
    if dotted in words.GETTERS and given.positional:
        made = External(f"{dotted}{words.MADE}")
        return Partial(made, tuple(given.positional), tuple(given.keywords.items()))
    if dotted.removesuffix(words.MADE) in words.GETTERS and len(given.positional) > 1:
        return _got(machine, dotted, given, node)
    if dotted in words.IMPORT_MODULE:
        return _import_module(machine, given)
    if dotted in words.FIELDS and (words.FACTORIES & given.keywords.keys()):
        return Factory(next(given.keywords[word] for word in sorted(words.FACTORIES) if word in given.keywords))
    if dotted in words.FIELDS:
        return given.keywords.get("default", given.first() if given.positional else Data(whole=True))
    if dotted == "functools.reduce" and len(given.positional) > 1:
        return _reduce(machine, given, node)
    if dotted in words.COLLECTIONS:
        return _collection(machine, dotted, given, node)
    if dotted in words.NAMESPACES and not given.positional and (not given.rest or _hold_callables(given.rest)):
        return _namespace(given)
    if last in words.ENTERING and given.positional:
        context = given.first()
        entered = entered_with(machine, context, node)
        left_with(machine, context, node)
        return entered
    if dotted == "functools.wraps":
        return Named(given.first())
    if dotted in words.SWALLOWING:
        return External(f"{dotted}{words.MADE}")
    if dotted == "sys.modules.get":
        return loaded_module(machine, given.first())
    if last == "with_options":
        return Data(NO_DEPS, Origin.HIDDEN, f"{package} is not in the repository and seems to be a task or flow")
    if last in words.ROUTE_METHODS:
        return unresolved(machine, node, f"{package} is not in the repository and seems to be a task", given)
    of_class = package.rpartition(".")[2][:1].isupper()  # a method of a block: ``SqlAlchemyConnector.load``
    if dotted.startswith(words.COLLECTION_PREFIX) and last.islower() and not of_class:
        return unresolved(machine, node, f"{dotted} is not in the repository and may be a task", given)
    if machine.frame.place is None and any(runnable_in(value) for value in given.values()):
        # At import nothing is recorded as handed over, so what comes back must say that it may call the task.
        return Data(given.deps(), Origin.HIDDEN, f"{dotted} was given a task, outside a flow")
    deps = escape(machine, dotted, given, node)
    if last in words.MEMBER_LOOKUPS and any(isinstance(value, ModuleRef | ModuleNames) for value in given.values()):
        return Data(deps, Origin.HIDDEN, f"the names of a module are looked up by {dotted}")
    pure = dotted.partition(".")[0] in words.PURE_MODULES and is_whole(*given.values())
    return Data(deps | given.deps(), Origin.EXTERNAL, whole=pure)


def _namespace(given: Arguments) -> Value:
    """``SimpleNamespace(...)``: an object that has these attributes and no class of the repository."""
    node = ast.ClassDef("SimpleNamespace", [], [], [], [])
    cls = ClassValue(node, SourceModule("", ast.Module([], []), ""), node.name, {}, ())
    if not given.rest:
        return Instance(cls, dict(given.keywords))
    unnamed = join(given.rest)  # what has a computed name may stand behind each name
    named = {name: join((value, unnamed)) for name, value in given.keywords.items()}
    return Instance(cls, {**named, UNNAMED: unnamed})


def _hold_callables(values: list[Value]) -> bool:
    return any(not isinstance(value, Data) and holds_callable(value) for value in values)


def _call_engine(machine: Machine, dotted: str, last: str, given: Arguments, node: ast.AST) -> Value:
    if last in words.WRAPPERS:
        return given.first()
    if last in words.RUN_DEPLOYMENT:
        return _run_deployment(machine, dotted, last, given, node)
    if last in ("from_source", "load_flow_from_entrypoint"):
        return Data(NO_DEPS, Origin.HIDDEN, f"the flow is loaded by {last}, from a source that is not read")
    if last == "as_completed" and given.positional:
        return Container([iterate(machine, given.positional[0])], exact=False)
    if last not in words.SAFE_ENGINE_CALLS:
        escape(machine, dotted, given, node)
    return Data(given.deps(), Origin.EXTERNAL)


def _run_deployment(machine: Machine, dotted: str, last: str, given: Arguments, node: ast.AST) -> Value:
    bound = dict(given.keywords)
    if given.positional:
        bound = {"name": given.positional[0], **bound}
    name = constant_of(bound.get("name", Data()))
    resource = f"deployment://{name}" if isinstance(name, str) and name else "deployment://{name}"
    place = machine.record(
        node,
        StepKind.SUBFLOW,
        last,
        Options(),
        ("deployment:run", "prefect", resource),
        lambda: digest(["external", dotted]),
        data=given.deps(),
        parameters=tuple(bound),
        constants=literals(bound, mapped=False),
        recorded_as=words.RUN_DEPLOYMENT,
        optional=True,  # it passes no task or flow of this process, so nothing here can prove that it ran
    )
    deps = frozenset((place.draft.number,)) if place is not None and place.draft is not None else NO_DEPS
    return Data(deps | given.deps(), Origin.STEP)


def _import_module(machine: Machine, given: Arguments) -> Value:
    name = constant_of(given.first())
    if not isinstance(name, str):
        return Data(NO_DEPS, Origin.HIDDEN, "a module whose name is computed is imported")
    found = machine.graph.find(machine.frame.module.path, 0, name)
    if found is not None:
        return found
    return External(name)


def _reduce(machine: Machine, given: Arguments, node: ast.AST) -> Value:
    """``reduce(function, items, start)``: what one call gives is given to the next."""
    function, items = given.positional[0], iterate(machine, given.positional[1])
    made = given.positional[2] if len(given.positional) > 2 else items
    with machine.repeatedly():
        for _ in range(2):
            made = join((made, call(machine, function, Arguments([made, items]), node)))
    return made


def _got(machine: Machine, dotted: str, given: Arguments, node: ast.AST) -> Value:
    """``methodcaller("name", ...)(thing)`` and ``attrgetter("a.b")(thing)``; the thing is the last argument."""
    *names, thing = given.positional
    if "methodcaller" in dotted:
        method = _getattr(machine, "getattr", Arguments([thing, names[0]]), node)
        return call(machine, method, Arguments(names[1:], given.keywords, given.rest), node)
    found: list[Value] = []
    for name in names:
        path, value = constant_of(name), thing
        for one in path.split(".") if isinstance(path, str) else ():
            value = attribute(machine, value, one, node)
        found.append(value if isinstance(path, str) else _getattr(machine, "getattr", Arguments([thing, name]), node))
    return found[0] if len(found) == 1 else Container(found)


def _collection(machine: Machine, dotted: str, given: Arguments, node: ast.AST) -> Value:
    """Containers of the standard library beside the builtin ones."""
    last = dotted.rpartition(".")[2]
    if last == "deque":
        return _same_items(machine, "list", Arguments(given.positional[:1]), node)
    if last != "defaultdict":
        return _dict(machine, last, given, node)
    made = _dict(machine, last, Arguments(given.positional[1:], given.keywords, given.rest), node)
    if isinstance(made, Container) and given.positional:
        made.exact = False
        made.add(call(machine, given.positional[0], Arguments(), node), Data(whole=True))
    return made


# builtins

_Builtin = Callable[[Machine, str, Arguments, ast.AST], Value]


def _same_items(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    each = iterate(machine, given.first())
    for value in given.keywords.values():
        escape(machine, name, Arguments([value]), node, only=(each,))  # sorted(key=...)
    if name == "iter" and len(given.positional) > 1:
        return Data(given.deps() | escape(machine, name, Arguments(given.positional[:1]), node), Origin.EXTERNAL)
    first = given.first() if given.positional else Container([])
    if isinstance(first, Container):
        items = first.items if first.keys is None else first.keys
        return Container(list(items), exact=first.exact and name in ("list", "tuple", "iter"))
    return first


def _map(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    if not given.positional:
        return Data(given.deps())
    function, sources = given.positional[0], given.positional[1:]
    items = [iterate(machine, source) for source in sources]
    given_away = [part for part in parts(function) if isinstance(part, TaskValue | FlowValue | PastTask)]
    if given_away:
        only = tuple(items)
        deps = NO_DEPS.union(*(hand_over(machine, part, NO_DEPS, node, only=only) for part in given_away))
        result: Value = Data(deps, Origin.STEP, whole=True)
    else:
        with machine.repeatedly():
            result = call(machine, function, Arguments(items), node)
    return Container([join(items) if name == "filter" else result], exact=False)


def _extreme(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    key = given.keywords.get("key")
    if key is not None:
        each = join(given.positional) if len(given.positional) > 1 else iterate(machine, given.first())
        escape(machine, name, Arguments([key]), node, only=(each,))
    if len(given.positional) > 1:
        return join(given.positional)
    return join((iterate(machine, given.first()), given.keywords.get("default")))


def _zip(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    return Container([Container([iterate(machine, value) for value in given.positional])], exact=False)


def _enumerate(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    return Container([Container([Data(whole=True), iterate(machine, given.first())])], exact=False)


def _next(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    return join((iterate(machine, given.first()), *given.positional[1:]))


def _dict(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    made = Container([], [])
    for value in given.positional:
        if isinstance(value, Container) and value.keys is not None:
            for key, item in zip(value.keys, value.items, strict=True):
                made.add(item, key)
            made.exact = made.exact and value.exact
        else:
            pair = iterate(machine, value)
            made.exact = False
            made.add(pair.items[-1] if isinstance(pair, Container) and pair.items else pair)
    for key_name, item in given.keywords.items():
        made.add(item, Constant(key_name))
    for item in given.rest:
        made.exact = False
        made.add(item)
    return made


def _getattr(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    if len(given.positional) < 2:
        return Data(given.deps())
    owner, attr = machine.resolve(given.positional[0]), constant_of(given.positional[1])
    several = given.positional[1]
    if isinstance(several, Choice) and all(isinstance(constant_of(option), str) for option in several.options):
        rest = given.positional[2:]
        each = (Arguments([owner, option, *rest]) for option in several.options)
        return join([_getattr(machine, name, one, node) for one in each])
    if isinstance(attr, str):
        found = attribute(machine, owner, attr, node)
        return join((found, *given.positional[2:])) if len(given.positional) > 2 else found
    if isinstance(owner, Data | Constant | Container) and not (
        isinstance(owner, Data) and owner.origin in (Origin.HIDDEN, Origin.PARAMETER)
    ):
        return Data(given.deps(), owner.origin if isinstance(owner, Data) else Origin.COMPUTED)
    inside = isinstance(owner, ModuleRef) and owner.path is not None
    where = f"of {machine.relative(owner.path)} " if inside and isinstance(owner, ModuleRef) and owner.path else ""
    return Data(given.deps(), Origin.HIDDEN, f"the name {where}that getattr looks up is computed")


def _name_table(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    if name == "globals" and not given.positional:
        return ModuleNames(ModuleRef(machine.frame.module.path, None, machine.frame.module.stem))
    if name == "vars" and given.positional and isinstance(given.positional[0], Data | Constant | Container | External):
        return Data(given.deps())
    return Data(NO_DEPS, Origin.HIDDEN, f"the name is looked up in {name}()")


def _run_code(machine: Machine, name: str, given: Arguments, node: ast.AST) -> Value:
    return unresolved(machine, node, f"{name} runs code that is not in the source", given)


_BUILTINS: dict[str, _Builtin] = {
    **dict.fromkeys(words.SAME_ITEMS, _same_items),
    **dict.fromkeys(words.NAME_TABLES, _name_table),
    **dict.fromkeys(words.CODE_RUNNERS, _run_code),
    "map": _map,
    "filter": _map,
    "max": _extreme,
    "min": _extreme,
    "zip": _zip,
    "enumerate": _enumerate,
    "next": _next,
    "anext": _next,
    "dict": _dict,
    "getattr": _getattr,
    "super": lambda machine, name, given, node: super_of(machine, given),
    "__import__": lambda machine, name, given, node: _import_module(machine, given),
}
