"""What a call does: run a step, go into a helper, move values about, or hide something."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Literal

from govflow.ir.models import StepKind
from govflow.planning.arguments import Arguments, literals, names_given, signature_of
from govflow.planning.containers import call_container_method
from govflow.planning.effects.deeds import Deeds
from govflow.planning.effects.handed import note_handed_over
from govflow.planning.effects.objects import as_object
from govflow.planning.effects.received import elements_too
from govflow.planning.effects.recording import after_function, after_method
from govflow.planning.hollow import note_hollow
from govflow.planning.inlining import inline
from govflow.planning.joins import deps_of, direct_deps, is_whole, join, parts, runnable_in
from govflow.planning.machine import Machine
from govflow.planning.members import bind, class_member, element, iterate, metaclass_of, of_engine, take_in
from govflow.planning.options import Hook, Options, read_options
from govflow.planning.rounds import of_map
from govflow.planning.runnables import code_of, defaults_of, described, make_runnable, recorded_as, with_running
from govflow.planning.special import special
from govflow.planning.spread import spread
from govflow.planning.subclassed import kind_of, runnable_of, start
from govflow.planning.unresolved import unresolved
from govflow.planning.values import (
    NO_DEPS,
    UNNAMED,
    BoundFunction,
    Choice,
    ClassValue,
    Constant,
    Container,
    Data,
    Decorator,
    Deps,
    External,
    Factory,
    FlowValue,
    Function,
    HookPoint,
    Instance,
    Method,
    ModuleNames,
    ModuleRef,
    Named,
    Object,
    Origin,
    Partial,
    PastTask,
    Super,
    TaskValue,
    Value,
)
from govflow.planning.vocabulary import CALL_METHODS, HANDED_OVER, ROUTE_METHODS, STORING

_HOLDING = ("contextvars.", "queue.", "weakref.")  # what they give is what they were given
_LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
PAST_ITS_TASK = "called past its task"


def call(machine: Machine, target: Value, given: Arguments, node: ast.AST) -> Value:
    """Call a value; records what that runs and gives what it returns."""
    match machine.resolve(target):
        case Choice(options=options):
            with machine.maybe():
                return join([call(machine, option, given, node) for option in options])
        case TaskValue() | FlowValue() as runnable:
            return _call_runnable(machine, runnable, given, node)
        case Function() as function:
            return _call_function(machine, function, given, node)
        case BoundFunction(function=function, receiver=receiver):
            note_hollow(machine, function, receiver)
            return _call_function(machine, function, given.before(receiver), node)
        case PastTask(runnable=runnable):
            return _call_past(machine, runnable, given, node)
        case Method() as method:
            return _call_method(machine, method, given, node)
        case Partial(target=inner, positional=positional, keywords=keywords):
            merged = Arguments([*positional, *given.positional], {**dict(keywords), **given.keywords}, given.rest)
            return call(machine, inner, merged, node)
        case Decorator(kind=kind, options=options):
            return make_runnable(machine, kind, options, given, node)
        case Named():
            return given.first()
        case HookPoint(owner=owner, kind=kind):
            owner.options = owner.options.with_hook(Hook(kind, given.first()))
            return given.first()
        case ClassValue() as cls:
            return _instantiate(machine, cls, given, node)
        case Instance() as instance:
            return _call_instance(machine, instance, given, node)
        case External(dotted=dotted):
            from govflow.planning.library import call_external

            result = call_external(machine, dotted, given, node)
            note_handed_over(machine, dotted.rpartition(".")[2], given, node)
            return after_function(machine, dotted, given, node, result)
        case Data() as data:
            return _call_data(machine, data, given, node)
    return _call_unknown(machine, "", given, node, NO_DEPS)


def _call_function(machine: Machine, function: Function, given: Arguments, node: ast.AST) -> Value:
    if not function.registered:
        return inline(machine, function, given, node)
    with machine.maybe():
        return join([inline(machine, one, given, node) for one in (function, *function.registered)])


# tasks and flows


def run(
    machine: Machine,
    runnable: TaskValue | FlowValue,
    how: str,
    given: Arguments,
    node: ast.AST,
    *,
    handed_over: bool = False,
) -> Value:
    """Call, submit, map or delay a task; call a subflow. Handed over: other code makes the call, as often as it likes.

    The step stands where the task is handed over, with no arguments of its own.
    """
    waited = given.keywords.get("wait_for")
    passed = given.without("wait_for", "return_state", "deferred")
    if how == "apply_async":
        passed = _of_apply_async(machine, passed)
    values = passed.values()
    method = runnable.receiver is not None
    bound = {} if handed_over else names_given(runnable.fn, passed, method=method)
    mapped = how == "map"
    is_task = isinstance(runnable, TaskValue)
    callee, where = described(machine, runnable.fn)
    kind = "task" if is_task else "flow"
    place = machine.record(
        node,
        StepKind.TASK if is_task else StepKind.SUBFLOW,
        callee,
        runnable.options,
        defaults_of(runnable, where),
        lambda: code_of(machine, runnable),
        data=deps_of(*values),
        order=deps_of(waited) if waited is not None else NO_DEPS,
        direct=NO_DEPS if handed_over else direct_deps(*values),
        direct_order=direct_deps(waited) if waited is not None else NO_DEPS,
        closed=_closed(runnable.fn, bound, passed),
        recorded_as=recorded_as(machine, runnable.fn),
        parameters=tuple(bound),
        constants={HANDED_OVER: [callee]} if handed_over else literals(bound, mapped=mapped),
        many=mapped or runnable.wrapped or handed_over,
        times=None if runnable.wrapped or handed_over else of_map(machine, node, how),
    )
    if place is None:
        if machine.frame.qualname == "":
            machine.report(node)("runs-at-import", f"the {kind} {callee} is called when its module is imported")
        return Data()
    gave: Value | None = None
    if is_task and place.draft is not None:
        body_given = elements_too(passed) if mapped else passed
        if runnable.receiver is not None:
            body_given = body_given.before(runnable.receiver)
        machine.optional += 1  # a cached result never calls the body
        if isinstance(runnable.fn, Function):
            gave = inline(machine, runnable.fn, body_given, node, place=place)
        else:
            only_deeds(machine, runnable.fn, body_given, node, place.draft.deeds)
        machine.optional -= 1
    if isinstance(runnable, TaskValue) and runnable.options.hooks and machine.recorder is not None:
        called = machine.recorder.hooked.setdefault(runnable, {})
        if place.draft is not None:
            called[place.draft.number] = place.draft
    number = place.draft.number if place.draft is not None else 0
    made = frozenset((number,))
    result = Data(made, Origin.STEP, direct=NO_DEPS if mapped or handed_over else made, whole=True)
    return _as_given(result, gave) if how == "__call__" and not handed_over else result


def _as_given(result: Data, gave: Value | None) -> Data:
    """The result of a task that was called, as an object of the class that its body gives."""
    match gave:
        case Object(kind=kind) if kind:
            return as_object(
                result, kind=kind, made=gave.made, provider=gave.provider, dialect=gave.dialect, given=gave.given
            )
        case Instance(cls=cls):
            return replace(as_object(result, made=cls.qualname), cls=cls)
    return result


def _call_runnable(machine: Machine, runnable: TaskValue | FlowValue, given: Arguments, node: ast.AST) -> Value:
    own = runnable.own
    calling = None if own is None else class_member(own.cls, "__call__")
    if own is not None and calling is not None:
        return call(machine, bind(machine, calling, own, node), given, node)
    return run(machine, runnable, "__call__", given, node)


def _closed(fn: Value, bound: dict[str, Value], given: Arguments) -> dict[str, Deps]:
    """Parameters of which everything is known that their values were made from; one left to its default too."""
    found: dict[str, Deps] = {}
    for name, value in bound.items():
        if isinstance(value, Data):
            if value.whole:
                found[name] = value.deps
        elif is_whole(value) and not _has_no_identity(value):
            found[name] = deps_of(value)
    if isinstance(fn, Function) and is_whole(*given.rest):
        rest = deps_of(*given.rest)
        for name in signature_of(fn.node.args).names:
            if name not in bound:
                found[name] = rest
    return found


def _has_no_identity(value: Value) -> bool:
    """Whether an engine that knows results by identity can never take this value for one."""
    if not isinstance(value, Constant):
        return False
    return value.value is None or (isinstance(value.value, int) and -5 <= value.value <= 256)


def _call_past(machine: Machine, runnable: TaskValue | FlowValue, given: Arguments, node: ast.AST) -> Value:
    """``some_task.fn(...)``: a step with what the task declares; nothing sees it at run time. Its body is followed."""
    callee, where = described(machine, runnable.fn)
    place = machine.record(
        node,
        StepKind.UNRESOLVED,
        callee,
        runnable.options,
        defaults_of(runnable, where),
        lambda: code_of(machine, runnable),
        data=given.deps(),
        optional=True,  # no call of it is seen, so nothing can prove that it ran
        reason=f"{callee} is {PAST_ITS_TASK}, where it cannot be stopped",
    )
    if place is None or place.draft is None:
        return call(machine, runnable.fn, given, node)
    with machine.charged(place.draft.deeds):
        result = call(machine, runnable.fn, given, node)
    return join((result, Data(frozenset((place.draft.number,)), Origin.STEP)))


def _of_apply_async(machine: Machine, given: Arguments) -> Arguments:
    found = Arguments()
    first, second = given.positional[:1], given.positional[1:2]
    args = given.keywords.get("args", first[0] if first else None)
    keywords = given.keywords.get("kwargs", second[0] if second else None)
    if isinstance(args, Container) and args.exact:
        found.positional.extend(args.items)
    elif args is not None:
        found.rest.append(iterate(machine, args))
    if keywords is not None:
        spread(machine, keywords, found)
    return found


def only_deeds(machine: Machine, fn: Value, given: Arguments, node: ast.AST, deeds: Deeds) -> None:
    """Note what calling a value does to the world, and no steps."""
    if isinstance(fn, External | Partial | BoundFunction | Instance | PastTask):
        with machine.charged(deeds, recording=False):
            call(machine, fn.runnable.fn if isinstance(fn, PastTask) else fn, given, node)


# objects


def _make_own(
    machine: Machine, kind: Literal["task", "flow"], cls: ClassValue, given: Arguments, node: ast.AST
) -> Value:
    """A task or flow of a class of the repository."""
    own, starting = Instance(cls), class_member(cls, "__init__")
    if not isinstance(starting, Function):
        start(own, make_runnable(machine, kind, Options(), given, node))
        return runnable_of(own) or own
    inline(machine, starting, given.before(own), node)
    made = runnable_of(own) or own
    for one in made.options if isinstance(made, Choice) else (made,):
        if isinstance(one, TaskValue | FlowValue):
            one.options = with_running(machine, one.options, node)
    return made


def _instantiate(machine: Machine, cls: ClassValue, given: Arguments, node: ast.AST) -> Value:
    kind = kind_of(cls)
    if kind is not None:
        return _make_own(machine, kind, cls, given, node)
    instance = _made_by_class(machine, cls, given, node)
    if not isinstance(instance, Instance):
        return instance
    if class_member(cls, "__del__") is not None:
        special(machine, instance, ("__del__",))  # at some time
    start = class_member(cls, "__init__")
    if isinstance(start, Function):
        inline(machine, start, given.before(instance), node)
        return instance
    fields = _fields(cls)
    instance.attributes.update(zip(fields, given.positional, strict=False))
    instance.attributes.update(given.keywords)
    for name in fields:
        left = class_member(cls, name)
        if name not in instance.attributes and isinstance(left, Factory):
            instance.attributes[name] = call(machine, left.makes, Arguments(), node)
    if given.rest:
        instance.attributes[UNNAMED] = join(given.rest)
    for name in ("__post_init__", "model_post_init"):  # dataclasses, attrs, pydantic
        after = class_member(cls, name)
        if isinstance(after, Function):
            inline(machine, after, Arguments([instance], rest=[Data()]), node)
    return instance


def _made_by_class(machine: Machine, cls: ClassValue, given: Arguments, node: ast.AST) -> Value:
    """The object that a class makes, by its metaclass's ``__call__`` and its own ``__new__`` where it has them."""
    made: Value | None = None
    meta = metaclass_of(cls)
    calling = None if meta is None else class_member(meta, "__call__")
    new = class_member(cls, "__new__")
    for function in (calling, new):
        if isinstance(function, Function) and made is None:
            found = inline(machine, function, given.before(cls), node)
            made = None if isinstance(found, Data | Constant | Choice) else found
    return Instance(cls) if made is None else made


def _fields(cls: ClassValue, seen: set[int] | None = None) -> list[str]:
    """Fields of a dataclass or model, those of its bases first; each class is looked at once."""
    seen = set() if seen is None else seen
    seen.add(id(cls))
    found: dict[str, None] = {}
    for base in cls.bases:
        if isinstance(base, ClassValue) and id(base) not in seen:
            found.update(dict.fromkeys(_fields(base, seen)))
    for item in cls.node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = None
    return list(found)


def _call_instance(machine: Machine, instance: Instance, given: Arguments, node: ast.AST) -> Value:
    found = class_member(instance.cls, "__call__")
    if found is not None:
        return call(machine, bind(machine, found, instance, node), given, node)
    runnable = runnable_of(instance)
    if runnable is not None:
        return call(machine, of_engine(runnable, "__call__"), given, node)
    return _call_unknown(machine, instance.cls.qualname, given, node, deps_of(instance))


def entered_with(machine: Machine, context: Value, node: ast.AST) -> Value:
    """What ``with context as ...`` gives."""
    match machine.resolve(context):
        case Choice(options=options):
            with machine.maybe():
                return join([entered_with(machine, option, node) for option in options])
        case Instance() as instance:
            for name in ("__enter__", "__aenter__"):
                found = class_member(instance.cls, name)
                if isinstance(found, Function):
                    return call(machine, bind(machine, found, instance, node), Arguments(), node)
        case Container() as container:  # a generator made by @contextmanager
            return iterate(machine, container)
    return context


def left_with(machine: Machine, context: Value, node: ast.AST) -> None:
    """What the end of ``with context`` calls."""
    match machine.resolve(context):
        case Choice(options=options):
            with machine.maybe():
                for option in options:
                    left_with(machine, option, node)
        case Instance() as instance:
            for name in ("__exit__", "__aexit__"):
                found = class_member(instance.cls, name)
                if isinstance(found, Function):
                    call(machine, bind(machine, found, instance, node), Arguments([Data(), Data(), Data()]), node)


def _call_method(machine: Machine, method: Method, given: Arguments, node: ast.AST) -> Value:
    receiver, name = method.receiver, method.name
    match receiver:
        case TaskValue() | FlowValue():
            if name == "with_options":
                options = read_options(
                    given.keywords,
                    "task" if isinstance(receiver, TaskValue) else "flow",
                    receiver.options,
                    machine.report(node),
                )
                return replace(receiver, options=options, own=None)  # of Prefect's own class
            if name in CALL_METHODS:
                return run(machine, receiver, name, given, node)
        case Super(receiver=Instance() as own) if name == "__init__":
            start(own, make_runnable(machine, kind_of(own.cls) or "task", Options(), given, node))
            return Data()
        case Container():
            return call_container_method(machine, receiver, name, given)
        case ModuleNames():
            found = element(machine, receiver, given.first())
            return join((found, *given.positional[1:])) if len(given.positional) > 1 else found
        case Data(origin=Origin.HIDDEN, reason=reason):
            return unresolved(machine, node, reason, given)
        case Data(origin=Origin.PARAMETER) if name in ROUTE_METHODS:
            return unresolved(machine, node, f".{name} is called on something that is given at run time", given)
        case Object(cls=ClassValue() as cls) if class_member(cls, name) is not None:
            return _call_annotated(machine, receiver, cls, name, given, node)
        case Data(deps=deps, origin=origin):
            if name not in _LOGGING:
                deps |= escape(machine, f".{name} of an object from outside the repository", given, node)
            kept = origin if origin in (Origin.STEP, Origin.EXTERNAL) else Origin.COMPUTED
            if name in STORING:
                take_in(receiver, *given.values())
            if machine.importing and name not in _LOGGING and not _only_holds(receiver):
                _keep_runnable(receiver, name, given)
            result = Data(deps | given.deps(), kept, whole=receiver.whole and is_whole(*given.values()))
            note_handed_over(machine, name, given, node)
            return after_method(machine, receiver, name, given, node, result)
        case Constant():
            return after_method(
                machine, receiver, name, given, node, Data(given.deps(), whole=is_whole(*given.values()))
            )
    return Data(deps_of(receiver) | given.deps())


def _only_holds(data: Data) -> bool:
    return isinstance(data, Object) and (data.tame or data.made.startswith(_HOLDING))


def _keep_runnable(receiver: Data, name: str, given: Arguments) -> None:
    """An object of outside code that was given a task where a module is imported may call it, by any of its methods."""
    if any(runnable_in(value) for value in given.values()):
        receiver.origin = Origin.HIDDEN
        receiver.reason = f".{name} of an object from outside the repository was given a task, outside a flow"


def _call_annotated(
    machine: Machine, receiver: Object, cls: ClassValue, name: str, given: Arguments, node: ast.AST
) -> Value:
    """A method of a parameter whose annotation is a class of the repository: read for what it does to the world."""
    found = class_member(cls, name)
    if isinstance(found, Function):
        with machine.charged(machine.frame.deeds, recording=False):
            call(machine, bind(machine, found, some_instance(machine, cls, node), node), given, node)
    kept = receiver.origin if receiver.origin in (Origin.STEP, Origin.EXTERNAL) else Origin.COMPUTED
    return Data(receiver.deps | given.deps(), kept)


def some_instance(machine: Machine, cls: ClassValue, node: ast.AST) -> Instance:
    """Some object of a class of the repository, made with arguments that are not known."""
    known = machine.instances.get(id(cls))
    if known is None:
        with machine.charged(Deeds(), recording=False):
            made = _instantiate(machine, cls, Arguments(), node)
        known = machine.instances[id(cls)] = made if isinstance(made, Instance) else Instance(cls)
    return known


# what cannot be read


def _call_data(machine: Machine, data: Data, given: Arguments, node: ast.AST) -> Value:
    if data.origin is Origin.HIDDEN:
        return unresolved(machine, node, data.reason, given)
    if data.origin is Origin.PARAMETER:
        return unresolved(machine, node, "a value that is given at run time is called", given)
    result = _call_unknown(machine, "", given, node, data.deps)
    if not isinstance(data, Object) or not (data.kind or data.tame) or data.made.startswith(_HOLDING):
        machine.frame.deeds.unseen["a call of a value"] = None
    if isinstance(data, Object) and data.kind:
        return after_method(machine, data, "__call__", given, node, result)
    return result


def _call_unknown(machine: Machine, name: str, given: Arguments, node: ast.AST, deps: Deps) -> Value:
    deps |= escape(machine, name or "code that cannot be read", given, node)
    if any(isinstance(value, ModuleRef | ModuleNames) for value in given.values()):
        return Data(deps | given.deps(), Origin.HIDDEN, "a name of a module is looked up by code that cannot be read")
    return Data(deps | given.deps(), Origin.EXTERNAL)


def escape(
    machine: Machine, where: str, given: Arguments, node: ast.AST, *, only: tuple[Value, ...] | None = None
) -> Deps:
    """Follow what is handed to code outside the repository, which may call it, any number of times.

    Args:
        machine: the reading.
        where: what it is handed to.
        given: what is handed over.
        node: the call.
        only: the other code calls it with one of these, and with nothing else.

    Returns:
        The steps that are handed over themselves: what the other code returns may come from them.
    """
    found: Deps = NO_DEPS
    for part in (part for value in given.values() for part in parts(value)):
        if isinstance(part, Container):
            part.lent = True
    if machine.recorder is None or machine.frame.place is None:
        return found
    for value in given.values():
        if isinstance(value, Constant | Data):
            continue
        for part in parts(value):
            if isinstance(part, TaskValue | FlowValue | PastTask):
                found |= hand_over(machine, part, given.deps(), node, only=only)
            elif isinstance(part, Function | BoundFunction):
                with machine.repeatedly():
                    call(machine, part, Arguments(rest=[Data(given.deps()), *(only or ())]), node)
    return found


def hand_over(
    machine: Machine,
    runnable: TaskValue | FlowValue | PastTask,
    deps: Deps,
    node: ast.AST,
    *,
    only: tuple[Value, ...] | None = None,
) -> Deps:
    """Record that other code is given a task or flow and may call it, any number of times. Returns its step.

    Args:
        machine: the reading.
        runnable: what is handed over.
        deps: steps behind what is handed over beside it.
        node: the call.
        only: the other code calls it with these, and with nothing else.
    """
    given = Arguments(rest=[Data(deps, whole=only is not None), *(only or ())])
    with machine.repeatedly():
        if isinstance(runnable, PastTask):
            return deps_of(_call_past(machine, runnable.runnable, given, node))
        return deps_of(run(machine, runnable, "__call__", given, node, handed_over=True))
