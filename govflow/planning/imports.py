"""What runs when the modules of a flow are imported and may change what a body reads.

A body's digest follows names to the statements that bind them. A statement that *calls* something, stores into
something or deletes can change a value behind another name, in another module too. Such a statement of any module
that the flow imports belongs to the digest of the flow's own body.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import suppress

from govflow.errors import SourceError
from govflow.planning.machine import DEEPEST, Machine
from govflow.planning.modules import SourceModule, is_main_guard, top_level
from govflow.planning.normal_form import is_text
from govflow.planning.values import FlowValue, ModuleRef, TaskValue

_CHANGING = frozenset({"setattr", "delattr", "globals", "vars", "locals", "exec", "eval", "__import__"})
_IMPORTING = frozenset({"import_module", "reload"})


def imported_modules(machine: Machine, start: Iterable[str]) -> list[SourceModule]:
    """These files and every file of the repository that importing them imports, each once, in a fixed order.

    Calm ones are left out. Everything that they import is calm too, so the others stay in the same order.
    """
    graph, found = machine.graph, dict[str, SourceModule]()
    queue = list(start)
    for path in queue:
        if path in found or path in graph.calm:
            continue
        with suppress(SourceError):  # importing it fails
            found[path] = graph.load(path)
            queue.extend(_imports(machine, path))
    return list(found.values())


def _imports(machine: Machine, path: str) -> tuple[str, ...]:
    known = machine.graph.imported.get(path)
    if known is None:
        module = machine.graph.load(path)
        known = machine.graph.imported[path] = tuple(dict.fromkeys(_imported(machine, module)))
    return known


def _imported(machine: Machine, module: SourceModule) -> Iterator[str]:
    for statement in top_level(module.tree.body):
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield from _paths(machine, module, 0, alias.name)
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            yield from _paths(machine, module, statement.level, base)
            for alias in statement.names:
                inner = machine.graph.find(module.path, statement.level, f"{base}.{alias.name}" if base else alias.name)
                yield from _own(inner)


def _paths(machine: Machine, module: SourceModule, level: int, dotted: str) -> Iterator[str]:
    """A module and the packages above it: all of them are imported."""
    parts = dotted.split(".") if dotted else []
    for count in range(0 if level else 1, len(parts) + 1):
        yield from _own(machine.graph.find(module.path, level, ".".join(parts[:count])))


def _own(found: ModuleRef | None) -> Iterator[str]:
    if found is not None and found.path is not None:
        yield found.path


def active_statements(machine: Machine, module: SourceModule) -> list[ast.stmt]:
    """Top-level statements that may change what a name that they do not bind stands for."""
    known = machine.graph.active.of(module.tree, lambda: _told_by_source(machine, module))
    return _Check(machine, module).active() if known is None else list(known)


def _told_by_source(machine: Machine, module: SourceModule) -> tuple[ast.stmt, ...] | None:
    """The active statements, where whoever reads the module finds the same."""
    check = _Check(machine, module)
    found = tuple(check.active())
    return None if check.asked else found


def read_active_modules(machine: Machine, path: str) -> None:
    """Read the top level of every module that importing a file imports and that may put something into another.

    A task that registers itself in a list or dict is there although nobody looks its module up.
    """
    for module in imported_modules(machine, (path,)):
        if module.path != path and machine.depth < DEEPEST and active_statements(machine, module):
            with suppress(SourceError):
                machine.module_scope(module.path)


def read_imported(machine: Machine, start: Iterable[str]) -> None:
    """Read the top level of every module that importing these files imports, also of those that nobody asked for.

    A module that is known to be inert says nothing, whoever reads it.
    """
    modules = imported_modules(machine, start)
    for module in modules:
        if module.path not in machine.graph.inert:
            machine.module_scope(module.path)
    _tell_calm(machine, [module.path for module in modules])


def _tell_calm(machine: Machine, paths: list[str]) -> None:
    """Note of files, and of all that they import, which are calm."""
    graph = machine.graph
    fresh = [path for path in paths if path not in graph.restless]
    importers: dict[str, list[str]] = {}
    for path in fresh:
        for inner in _imports(machine, path):
            importers.setdefault(inner, []).append(path)
    restless = [path for path in importers if path in graph.restless]
    restless += [path for path in fresh if path not in graph.inert or _is_active(machine, path)]
    for path in restless:  # it grows while it is read
        graph.restless.add(path)
        restless += [item for item in importers.get(path, ()) if item not in graph.restless]
    graph.calm.update(path for path in fresh if path not in graph.restless)


def _is_active(machine: Machine, path: str) -> bool:
    """Whether a module has active statements, or might have."""
    module = machine.graph.load(path)
    return machine.graph.active.of(module.tree, lambda: _told_by_source(machine, module)) != ()


class _Check:
    def __init__(self, machine: Machine, module: SourceModule) -> None:
        self._machine, self._module = machine, module
        self.asked = False  # whether the answer depends on how the module is read

    def active(self) -> list[ast.stmt]:
        return [statement for statement in self._module.tree.body if self.acts(statement)]

    def acts(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global():
                return False
            case ast.If(test=test, orelse=orelse) if is_main_guard(test):
                return any(map(self.acts, orelse))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                defaults = [*statement.args.defaults, *(item for item in statement.args.kw_defaults if item)]
                return self._decorated(statement.decorator_list) or any(map(self._calls, defaults))
            case ast.ClassDef(body=body, bases=bases, keywords=keywords, decorator_list=decorators):
                heads = [*bases, *(item.value for item in keywords)]
                return self._decorated(decorators) or any(map(self._calls, heads)) or any(map(self.acts, body))
            case ast.Assign(targets=targets, value=value):
                return not all(map(_binds, targets)) or self._calls(value)
            case ast.AnnAssign(target=target, value=value):
                return not _binds(target) or (value is not None and self._calls(value))
            case ast.AugAssign() | ast.Delete():
                return True
        return not is_text(statement) and self._parts_act(statement)

    def _parts_act(self, statement: ast.stmt) -> bool:
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                acts = self.acts(child)
            elif isinstance(child, ast.expr):
                stored = isinstance(getattr(child, "ctx", None), ast.Store)
                acts = self._calls(child) or (stored and not _binds(child))
            else:  # handlers, cases, items of a with
                acts = any(
                    self.acts(inner) if isinstance(inner, ast.stmt) else self._calls(inner)
                    for inner in ast.iter_child_nodes(child)
                )
            if acts:
                return True
        return False

    def _decorated(self, decorators: list[ast.expr]) -> bool:
        for node in decorators:
            root = _root(node)
            if root is None or self._is_inside(root):
                self.asked |= root is not None
                value = None if root is None else self._machine.module_scope(self._module.path).own(root)
                if value is None or not isinstance(self._machine.resolve(value), TaskValue | FlowValue):
                    return True
        return False

    def _calls(self, node: ast.AST) -> bool:
        """Whether evaluating an expression may run code of the repository or change one of its objects."""
        stack: list[ast.AST] = [node]
        while stack:
            child = stack.pop()
            if isinstance(child, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
                return True
            if isinstance(child, ast.Call) and not self._is_harmless(child):
                return True
            if not isinstance(child, ast.Lambda):
                stack.extend(ast.iter_child_nodes(child))
        return False

    def _is_harmless(self, call: ast.Call) -> bool:
        """A call of code from outside that is given nothing of the repository."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in _IMPORTING:
            return False
        names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
        return not names & (_CHANGING | _IMPORTING) and not any(map(self._is_inside, names))

    def _is_inside(self, name: str) -> bool:
        """Whether a name of the module is bound by anything but an import from outside the repository."""
        return any(not self._is_outside_import(item, name) for item in self._module.bindings.get(name, ()))

    def _is_outside_import(self, statement: ast.stmt, name: str) -> bool:
        find, path = self._machine.graph.find, self._module.path
        if isinstance(statement, ast.Import):
            named = [item.name for item in statement.names if (item.asname or item.name.partition(".")[0]) == name]
            return all(find(path, 0, item.partition(".")[0]) is None for item in named)
        if isinstance(statement, ast.ImportFrom):
            return not statement.level and find(path, 0, (statement.module or "").partition(".")[0]) is None
        return False


def _binds(target: ast.expr) -> bool:
    """Whether a target only binds names."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_binds, target.elts))
    return isinstance(target.value if isinstance(target, ast.Starred) else target, ast.Name)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
