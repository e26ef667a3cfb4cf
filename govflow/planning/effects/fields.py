"""Annotated fields of classes of the repository: ``db: psycopg.Connection`` in a dataclass or a model."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from govflow.planning.effects.received import annotated_as
from govflow.planning.values import ClassValue, Data, Deps, Object, Origin, Text, Value

if TYPE_CHECKING:
    from govflow.planning.machine import Machine


def field_of(machine: Machine, cls: ClassValue, name: str, deps: Deps) -> Data | None:
    """A field that has an annotation and no value, as far as the annotation says what it is."""
    stack: list[Value] = [cls]
    for current in stack:
        if not isinstance(current, ClassValue):
            continue
        for item in current.node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id == name:
                scope = machine.module_scope(current.module.path)
                found = annotated_as(machine, item.annotation, scope, Data(deps, Origin.EXTERNAL), name)
                return found if isinstance(found, Object | Text) else None
        stack.extend(base for base in current.bases if base not in stack)
    return None
