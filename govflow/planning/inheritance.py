"""The order in which classes are asked for a member, and what ``super()`` gives of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from govflow.planning.joins import deps_of, join
from govflow.planning.values import Choice, ClassValue, Data, External, Instance, Origin, Super, Value

if TYPE_CHECKING:
    from govflow.planning.arguments import Arguments
    from govflow.planning.machine import Machine

_DEEPEST: Final = 40
DEFINING, RECEIVER = "__class__", "super()"  # names in a method's scope: its class, and its first argument
_STARTING: Final = ("Thread", "Process", "Timer")


def classes_of(cls: Value, depth: int = 0) -> list[Value]:
    """A class and its bases in the order in which Python asks them; those of outside code as they are named."""
    if not isinstance(cls, ClassValue) or depth > _DEEPEST:
        return [cls]
    lines = [classes_of(base, depth + 1) for base in cls.bases]
    lines.append(list(cls.bases))
    found: list[Value] = [cls]
    while lines := [line for line in lines if line]:
        heads = (line[0] for line in lines)
        # Where Python would refuse the order, the first one is as good as any.
        head = next((one for one in heads if not any(one in line[1:] for line in lines)), lines[0][0])
        found.append(head)
        lines = [[one for one in line if one is not head] for line in lines]
    return found


def super_of(machine: Machine, given: Arguments) -> Value:
    """``super()`` or ``super(Class, self)``."""
    if len(given.positional) > 1:
        owner, receiver = machine.resolve(given.positional[0]), machine.resolve(given.positional[1])
    else:
        owner, receiver = (machine.scope.find(name) or Data() for name in (DEFINING, RECEIVER))
    if not isinstance(owner, ClassValue):
        return Data(deps_of(*given.values()), Origin.EXTERNAL)
    options = receiver.options if isinstance(receiver, Choice) else (receiver,)
    return join(_after(owner, option) for option in options)


def _after(owner: ClassValue, receiver: Value) -> Super:
    if not isinstance(receiver, Instance | ClassValue):
        receiver = Instance(owner)
    own = classes_of(receiver.cls if isinstance(receiver, Instance) else receiver)
    if owner not in own:
        own = classes_of(owner)
    return Super(receiver, tuple(own[own.index(owner) + 1 :]), owner)


def inherited(view: Super, name: str) -> Value | None:
    """The member that the classes behind ``super()`` have; one of outside code before it may have it as well."""
    return next(
        (cls.members[name] for cls in view.classes if isinstance(cls, ClassValue) and name in cls.members), None
    )


def outside(view: Super) -> list[Value]:
    """The classes of outside code behind ``super()``."""
    return [cls for cls in view.classes if isinstance(cls, External)]


def runs_when_started(bases: list[Value], name: str) -> bool:
    """Whether a class with these bases runs its method ``run`` where this method is called."""
    return name == "start" and any(
        isinstance(base, External) and base.dotted.rpartition(".")[2] in _STARTING for base in bases
    )
