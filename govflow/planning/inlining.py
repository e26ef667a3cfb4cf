"""Going into a function of the repository, as if its body stood at the call."""

from __future__ import annotations

import ast

from govflow.planning.arguments import Arguments, fill_parameters
from govflow.planning.bound_names import is_generator
from govflow.planning.effects.echoes import tells_more, with_deps
from govflow.planning.effects.received import received
from govflow.planning.frames import Frame
from govflow.planning.inheritance import DEFINING, RECEIVER
from govflow.planning.joins import deps_of, holds_callable, is_whole, join
from govflow.planning.machine import DEEPEST, Machine
from govflow.planning.raising import yield_is_caught
from govflow.planning.recorder import Place
from govflow.planning.scopes import Scope
from govflow.planning.unresolved import unresolved
from govflow.planning.values import NO_DEPS, NONE, Container, Data, Deps, Function, Origin, Value

_DEEPEST = 40  # helpers inside helpers
_DEEPEST_AGAIN = 6  # where a body that calls itself is read once more
_MOST_INLINED = 60_000
_MOST_INLINED_AT_IMPORT = 3_000


def inline(
    machine: Machine, function: Function, given: Arguments, node: ast.AST, *, place: Place | None = None
) -> Value:
    """Go into a function of the repository, as if its body stood at the call.

    Args:
        machine: the reading.
        function: what is called.
        given: its arguments, ``self`` included.
        node: the call.
        place: where its steps belong; None makes a place for the helper.
    """
    machine.reach_out()
    key = id(function.node)
    own = place.draft.deeds if place is not None and place.draft is not None else None
    running = machine.active.get(key)
    if running is not None:
        running.recursed = True
        machine.inlined += 1  # a body of many calls of itself counts, as often as it is come to
        running.inner.append(given)
        if own is not None:
            running.again.append(own)
        return Data(given.deps() | _numbers_below(running))
    recorder = machine.recorder
    recording = recorder is not None and machine.frame.place is not None
    quiet = machine.quiet if recording else machine.quiet_at_import
    values = given.values()
    memo = not any(map(holds_callable, values))
    if memo and key in quiet:
        return Data(deps_of(*values))
    heard = machine.echoes.key_of(function, given, recording=recording) if memo else None
    echo = machine.echoes.get(heard)
    if echo is not None:
        (machine.frame.deeds if own is None else own).absorb(echo.deeds)
        return with_deps(echo.result, given.deps(), whole=is_whole(*given.values()))
    if _is_too_much(machine, recording=recording):
        reason = f"helpers are nested too deeply to follow at {function.qualname}"
        return unresolved(machine, node, reason, given, most=1) if recording else Data(NO_DEPS, Origin.HIDDEN, reason)
    touched = recorder.touched if recorder is not None else 0
    decided = machine.decided
    frame = Frame(function.module, function.qualname, Scope(function.scope), None)
    if machine.frame.place is not None:
        label = machine.label(function)
        frame.place = place or machine.frame.place.child(("helper",), label, machine.site(node))
    bound = received(machine, function, fill_parameters(function, given))
    for name, value in bound.items():
        frame.scope.bind(name, value)
    if function.owner is not None and function.binding != "static":
        frame.scope.bind(DEFINING, function.owner)
        frame.scope.bind(RECEIVER, next(iter(bound.values()), NONE))
    result = _read_body(machine, function, frame, key)
    if frame.inner and frame.place is not None and len(machine.active) < _DEEPEST_AGAIN:
        result = join((result, _read_again(machine, function, frame, bound)))
    for deeds in (machine.frame.deeds if own is None else own, *frame.again):
        deeds.absorb(frame.deeds)
    if memo and (recorder is None or recorder.touched == touched) and not holds_callable(result):
        if frame.deeds or tells_more(result):
            machine.echoes.keep(heard, function, frame.deeds, result)
        elif machine.decided == decided:  # else it says something else where it is given something else
            quiet.add(key)
    elif place is None and recorder is not None and recorder.touched != touched:
        machine.use(function, "helper")
    return result


def _is_too_much(machine: Machine, *, recording: bool) -> bool:
    if recording:
        machine.inlined += 1
    else:
        machine.inlined_at_import += 1
    return (
        machine.depth >= DEEPEST
        or len(machine.active) >= _DEEPEST
        or machine.inlined > _MOST_INLINED
        or machine.inlined_at_import > _MOST_INLINED_AT_IMPORT
    )


def _read_body(machine: Machine, function: Function, frame: Frame, key: int) -> Value:
    machine.active[key] = frame
    try:
        # A generator runs as far as it is asked to; a decorator from outside calls as often as it likes.
        lazily = machine.graph.generators.of(function.node, lambda: is_generator(function.node))
        with machine.reading(frame), machine.maybe(when=lazily), machine.repeatedly(when=function.wrapped):
            if isinstance(function.node, ast.Lambda):
                frame.returns.append(machine.evaluate(function.node.body))
            else:
                machine.execute(function.node.body)
    finally:
        del machine.active[key]
    if frame.recursed and frame.place is not None:
        for draft in frame.place.drafts():
            draft.many, draft.count = True, None
    if frame.yields:
        swallows = not isinstance(function.node, ast.Lambda) and yield_is_caught(function.node.body)
        return Container([join(frame.yields)], exact=False, swallows=swallows)
    return join(frame.returns) if frame.returns else NONE


def _read_again(machine: Machine, function: Function, frame: Frame, bound: dict[str, Value]) -> Value | None:
    """A body that calls itself is read once more, with what it gave itself, if that says anything new."""
    given = [fill_parameters(function, one) for one in frame.inner]
    wider = {name: join((value, *(one.get(name) for one in given))) for name, value in bound.items()}
    if all(deps_of(wider[name]) <= deps_of(value) for name, value in bound.items()):
        return None
    second = Frame(function.module, function.qualname, Scope(function.scope), frame.place)
    for name, value in wider.items():
        second.scope.bind(name, value)
    for name in (DEFINING, RECEIVER):
        known = frame.scope.own(name)
        if known is not None:
            second.scope.bind(name, known)
    result = _read_body(machine, function, second, id(function.node))
    frame.deeds.absorb(second.deeds)
    return result


def _numbers_below(frame: Frame) -> Deps:
    """Steps below the place of a function that is being read; the machine adds those that it finds from here on."""
    if frame.place is None:
        return NO_DEPS
    if frame.below is None:
        frame.below = {draft.number for draft in frame.place.drafts()}
    return frozenset(frame.below)
