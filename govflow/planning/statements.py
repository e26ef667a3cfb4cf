"""What each kind of statement does to names, and how it can end."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, TypeVar

from govflow.planning.arguments import Arguments
from govflow.planning.calls import call, entered_with, left_with
from govflow.planning.deciding import decided
from govflow.planning.effects.received import annotated
from govflow.planning.effects.texts import binary
from govflow.planning.expressions import bind_target
from govflow.planning.joins import deps_of, join
from govflow.planning.machine import BREAK, CONTINUE, NEXT, RAISE, RETURN, STATEMENTS, Machine
from govflow.planning.members import bases_outside, class_member, iterate
from govflow.planning.modules import is_main_guard
from govflow.planning.raising import always_raises, exit_swallows, try_swallows
from govflow.planning.rounds import rounds
from govflow.planning.special import augmented, special, truth
from govflow.planning.values import (
    NO_DEPS,
    NONE,
    BoundFunction,
    Choice,
    Constant,
    Container,
    Data,
    Deps,
    External,
    Function,
    Instance,
    Value,
)
from govflow.planning.vocabulary import MADE, SWALLOWING

_Handler = TypeVar("_Handler", bound=Callable[[Machine, Any], int])
_TWICE_READ = 3  # loops nested deeper are read once: a third round of a third loop finds nothing new


def runs(*kinds: type[ast.AST]) -> Callable[[_Handler], _Handler]:
    """Register what runs statements of these kinds."""

    def register(handler: _Handler) -> _Handler:
        for kind in kinds:
            STATEMENTS[kind] = handler
        return handler

    return register


@runs(ast.Expr)
def _expression(machine: Machine, node: ast.Expr) -> int:
    machine.evaluate(node.value)
    return NEXT


@runs(ast.Assign)
def _assign(machine: Machine, node: ast.Assign) -> int:
    value = machine.evaluate(node.value)
    for target in node.targets:
        bind_target(machine, target, value)
    return NEXT


@runs(ast.AnnAssign)
def _annotated(machine: Machine, node: ast.AnnAssign) -> int:
    if node.value is not None:
        bind_target(machine, node.target, annotated(machine, node.annotation, machine.evaluate(node.value)))
    return NEXT


@runs(ast.AugAssign)
def _augmented(machine: Machine, node: ast.AugAssign) -> int:
    value = machine.evaluate(node.value)
    before = machine.evaluate(_loaded(node.target))
    if isinstance(before, Container) and isinstance(value, Container):
        keys = [None] * len(value.items) if value.keys is None else list(value.keys)
        for key, item in zip(keys, list(value.items), strict=True):  # it may be the same list
            before.add(item, key)
        before.settle()
        before.exact = before.exact and value.exact and not (machine.many or machine.optional)
        return NEXT
    given = augmented(machine, node.op, before, value, node)
    if given is not None:
        bind_target(machine, node.target, given)
        return NEXT
    text = binary(node.op, before, value)
    bind_target(machine, node.target, Data(deps_of(before, value)) if text is None else text)
    return NEXT


def _loaded(target: ast.expr) -> ast.expr:
    match target:
        case ast.Name(id=name):
            return ast.copy_location(ast.Name(name, ast.Load()), target)
        case ast.Attribute(value=value, attr=name):
            return ast.copy_location(ast.Attribute(value, name, ast.Load()), target)
        case ast.Subscript(value=value, slice=index):
            return ast.copy_location(ast.Subscript(value, index, ast.Load()), target)
    return target


@runs(ast.Return)
def _return(machine: Machine, node: ast.Return) -> int:
    machine.frame.returns.append(NONE if node.value is None else machine.evaluate(node.value))
    return RETURN


@runs(ast.Raise)
def _raise(machine: Machine, node: ast.Raise) -> int:
    for part in (node.exc, node.cause):
        if part is not None:
            machine.evaluate(part)
    return RAISE


@runs(ast.Assert)
def _assert(machine: Machine, node: ast.Assert) -> int:
    with machine.maybe():  # python -O leaves asserts out
        truth(machine, machine.evaluate(node.test), node.test)
        if node.msg is not None:
            machine.evaluate(node.msg)
    return NEXT


@runs(ast.Break)
def _break(_: Machine, __: ast.Break) -> int:
    return BREAK


@runs(ast.Continue)
def _continue(_: Machine, __: ast.Continue) -> int:
    return CONTINUE


@runs(ast.Global)
def _global(machine: Machine, node: ast.Global) -> int:
    top = machine.frame.scope
    while top.parent is not None:
        top = top.parent
    machine.frame.scope.outward.update(dict.fromkeys(node.names, top))
    return NEXT


@runs(ast.Nonlocal)
def _nonlocal(machine: Machine, node: ast.Nonlocal) -> int:
    for name in node.names:
        scope = machine.frame.scope.parent
        while scope is not None and scope.own(name) is None:
            scope = scope.parent
        if scope is not None:
            machine.frame.scope.outward[name] = scope
    return NEXT


# branches


def _branch(
    machine: Machine, statements: list[ast.stmt], prepare: Callable[[], None] = lambda: None
) -> tuple[int, dict[str, Value]]:
    scope = machine.scope
    scope.open_branch()
    prepare()
    end = machine.execute(statements)
    return end, scope.close_branch()


def _merge(machine: Machine, branches: Iterable[tuple[int, dict[str, Value]]], *, complete: bool) -> int:
    ends, lasting = 0, []
    for end, bound in branches:
        ends |= end
        if end & (NEXT | BREAK | CONTINUE):
            lasting.append(bound)
    machine.scope.merge(*lasting, complete=complete)
    return ends


def _defines(statement: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)


@runs(ast.If)
def _if(machine: Machine, node: ast.If) -> int:
    if is_main_guard(node.test) and not machine.frame.qualname:
        end = machine.execute(node.orelse)
        if machine.frame.module.path == machine.flow_path:
            # A flow of a script may be defined there. What the script then runs is not read: it is another start.
            machine.execute([item for item in node.body if _defines(item) and machine.scope.own(item.name) is None])
        return end
    if isinstance(node.test, ast.Constant):
        return machine.execute(node.body if node.test.value else node.orelse)
    known = decided(machine, node.test)
    if known is not None:
        return machine.execute(node.body if known else node.orelse)
    truth(machine, machine.evaluate(node.test), node.test)
    with machine.maybe(when=not always_raises(node.orelse)):
        first = _branch(machine, node.body)
    with machine.maybe(when=not always_raises(node.body)):
        second = _branch(machine, node.orelse)
    return _merge(machine, (first, second), complete=True)


@runs(ast.Match)
def _match(machine: Machine, node: ast.Match) -> int:
    subject = machine.evaluate(node.subject)
    branches, complete = [], False
    with machine.maybe():
        for case in node.cases:

            def prepare(case: ast.match_case = case) -> None:
                _bind_pattern(machine, case.pattern, subject)
                if case.guard is not None:
                    machine.evaluate(case.guard)

            branches.append(_branch(machine, case.body, prepare))
            if case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None:
                complete = True
    ends = _merge(machine, branches, complete=complete)
    return ends if complete else ends | NEXT


def _bind_pattern(machine: Machine, pattern: ast.pattern, subject: Value) -> None:
    whole = isinstance(pattern, ast.MatchAs)
    for node in ast.walk(pattern):
        name = getattr(node, "rest", None) if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)
        if isinstance(name, str):
            value = subject if whole and node is pattern else _piece(machine, subject)
            machine.scope.bind(name, value)
        elif isinstance(node, ast.MatchValue):
            machine.evaluate(node.value)


def _piece(machine: Machine, subject: Value) -> Value:
    if isinstance(subject, Container):
        return join(subject.items) if subject.items else Data()
    return iterate(machine, subject)


# loops


def _loop(
    machine: Machine, body: list[ast.stmt], each: Callable[[], None], times: Callable[[], int | None] = lambda: None
) -> int:
    """Read a loop's body twice, so that what one round leaves reaches the next.

    How often it goes round is asked for at each reading: a round may put more into what the loop goes over.
    """
    ends = 0
    machine.loops += 1
    for _ in range(2 if machine.loops <= _TWICE_READ else 1):
        with machine.repeatedly(times=times()):
            end, bound = _branch(machine, body, each)
        ends |= end
        machine.scope.merge(bound, complete=False)
    machine.loops -= 1
    return ends


@runs(ast.For, ast.AsyncFor)
def _for(machine: Machine, node: ast.For | ast.AsyncFor) -> int:
    source = machine.evaluate(node.iter)

    def each() -> None:
        machine.at = node.iter
        bind_target(machine, node.target, iterate(machine, source))

    ends = _loop(machine, node.body, each, lambda: rounds(machine, node.iter, source))
    return _after_loop(machine, node.orelse, ends)


@runs(ast.While)
def _while(machine: Machine, node: ast.While) -> int:
    def each() -> None:
        truth(machine, machine.evaluate(node.test), node.test)

    forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
    ends = _loop(machine, node.body, each)
    if forever and not ends & BREAK:
        return ends & (RETURN | RAISE)
    return _after_loop(machine, node.orelse, ends)


def _after_loop(machine: Machine, orelse: list[ast.stmt], ends: int) -> int:
    left = ends & (RETURN | RAISE)
    if not orelse:
        return left | NEXT
    with machine.maybe(when=bool(ends & (BREAK | RETURN))):
        end, bound = _branch(machine, orelse)
    machine.scope.merge(bound, complete=False)
    return left | end | (NEXT if ends & BREAK else 0)


# exceptions and contexts


@runs(ast.Try, ast.TryStar)
def _try(machine: Machine, node: ast.Try) -> int:
    swallows = try_swallows(node)
    before = len(machine.recorder.latest) if machine.recorder is not None else 0
    machine.scope.open_branch()
    with machine.maybe(when=swallows):
        end = machine.execute(node.body)
        if end & NEXT and node.orelse:
            with machine.maybe(when=bool(end & (RETURN | BREAK | CONTINUE))):
                end = (end & ~NEXT) | machine.execute(node.orelse)
    tried = machine.scope.close_branch()
    # A handler starts from any point of the body.
    machine.scope.merge(tried, complete=not node.handlers)
    branches = []
    called = frozenset(machine.recorder.latest[before:]) if machine.recorder is not None else NO_DEPS
    with machine.maybe():
        for handler in node.handlers:

            def enter(handler: ast.ExceptHandler = handler) -> None:
                _enter(machine, handler, called)

            branches.append(_branch(machine, handler.body, enter))
    for handler_end, bound in branches:
        end |= handler_end
        if handler_end & (NEXT | BREAK | CONTINUE):
            machine.scope.merge(bound, complete=False)
    if node.finalbody:
        final = machine.execute(node.finalbody)
        end = end | (final & ~NEXT) if final & NEXT else final
    return end


def _enter(machine: Machine, handler: ast.ExceptHandler, called: Deps) -> None:
    """Start a handler. The error may be what any step of the block failed with."""
    if handler.type is not None:
        machine.evaluate(handler.type)
    if handler.name is not None:
        machine.scope.bind(handler.name, Data(called))


@runs(ast.With, ast.AsyncWith)
def _with(machine: Machine, node: ast.With | ast.AsyncWith) -> int:
    swallows = False
    contexts: list[tuple[Value, ast.expr]] = []
    for item in node.items:
        context = machine.evaluate(item.context_expr)
        contexts.append((context, item.context_expr))
        swallows = swallows or _swallows(machine, context)
        entered = entered_with(machine, context, item.context_expr)
        if item.optional_vars is not None:
            bind_target(machine, item.optional_vars, entered)
    with machine.maybe(when=swallows):
        end = machine.execute(node.body)
    for context, where in reversed(contexts):
        left_with(machine, context, where)
    return end | NEXT if swallows else end


def _swallows(machine: Machine, context: Value) -> bool:
    """Whether a context manager may swallow an error of its block. One from outside does if it is known to."""
    match machine.resolve(context):
        case External(dotted=dotted):
            return dotted.removesuffix(MADE) in SWALLOWING
        case Container(swallows=swallows):
            return swallows
        case Choice(options=options):
            return any(_swallows(machine, option) for option in options)
        case Instance(cls=cls):
            leaving = class_member(cls, "__exit__") or class_member(cls, "__aexit__")
            if isinstance(leaving, Function):
                return isinstance(leaving.node, ast.Lambda) or exit_swallows(leaving.node)
            return any(_swallows(machine, base) for base in bases_outside(cls))
    return False


@runs(ast.Delete)
def _delete(machine: Machine, node: ast.Delete) -> int:
    for target in node.targets:
        machine.at = target
        match target:
            case ast.Subscript(value=owner, slice=index):
                container = machine.evaluate(owner)
                special(machine, container, ("__delitem__",), machine.evaluate(index))
            case ast.Attribute(value=owner, attr=name):
                _delete_attribute(machine, machine.evaluate(owner), name, target)
    return NEXT


def _delete_attribute(machine: Machine, owner: Value, name: str, node: ast.AST) -> None:
    if not isinstance(owner, Instance):
        return
    found = class_member(owner.cls, name)
    if isinstance(found, Function) and found.deleter is not None:
        call(machine, BoundFunction(found.deleter, owner), Arguments(), node)
    elif isinstance(found, Instance):
        special(machine, found, ("__delete__",), owner)
    special(machine, owner, ("__delattr__",), Constant(name))
