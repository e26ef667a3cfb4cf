"""Tasks and flows that are objects of a class of the repository: ``class AuditedTask(Task)``.

Such a task is two values that know each other: the task, and the object that the class's own methods get as ``self``.
"""

from __future__ import annotations

from typing import Final, Literal

from govflow.planning.values import Choice, ClassValue, External, FlowValue, Instance, TaskValue, Value
from govflow.planning.vocabulary import FLOW_CLASSES, TASK_CLASSES

_RUNNABLE: Final = "()"  # among the attributes of the object: its task or flow


def kind_of(cls: ClassValue) -> Literal["task", "flow"] | None:
    """What the objects of a class are to Prefect, by the classes that it is derived from."""
    stack, seen = [cls], set[int]()
    while stack:
        for base in stack.pop().bases:
            if isinstance(base, External) and base.dotted in TASK_CLASSES | FLOW_CLASSES:
                return "task" if base.dotted in TASK_CLASSES else "flow"
            if isinstance(base, ClassValue) and id(base) not in seen:
                seen.add(id(base))
                stack.append(base)
    return None


def start(own: Instance, made: Value) -> None:
    """Let an object and the task or flow that it is know each other."""
    own.attributes[_RUNNABLE] = made
    for one in made.options if isinstance(made, Choice) else (made,):
        if isinstance(one, TaskValue | FlowValue):
            one.own = own


def runnable_of(own: Instance) -> Value | None:
    """The task or flow that an object is, once Prefect's ``__init__`` was called."""
    return own.attributes.get(_RUNNABLE)
