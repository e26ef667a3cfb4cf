"""What was worked out about a piece of source, kept as long as the source is."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class NodeMemo(Generic[T]):
    """One value for each node. The node is held, so that its identity names no other while the memo lives."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ast.AST, T]] = {}

    def of(self, node: ast.AST, make: Callable[[], T]) -> T:
        """The value of a node, made when it is first asked for. It must depend on the node alone."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, make()
        return known[1]
