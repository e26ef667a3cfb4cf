"""The normal form of a piece of Python: what it does, without how it is written.

Left out: positions, comments, formatting, docstrings, annotations, the names of local variables. Kept: constants,
default values, names of globals, attributes, parameters and keywords, annotations of the fields of a class. The form is
plain lists and strings, our own and not ``ast.dump``'s, so that Python 3.11, 3.12 and 3.13 give the same bytes for the
same source.

Standard library only: a test runs this file alone under each Python minor that it finds.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Form: TypeAlias = Any  # nested lists of str and None
FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"

_SKIPPED = frozenset({"annotation", "returns", "type_comment", "type_params", "ctx", "kind", "simple"})
_NAME_READERS = frozenset({"locals", "vars", "eval", "exec", "dir"})
"""Builtins through which the name of a local variable can be seen: a body that uses them keeps its names."""
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NAME_OF_FUNCTION = 2  # where it stands in the form of a function
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = frozenset({*_COMPREHENSIONS, *_DEFINITIONS, ast.Lambda, ast.NamedExpr})
"""Nodes that hold names of their own, and what reaches out of them."""
_BINDING = frozenset(
    {*_DEFINITIONS, ast.Import, ast.ImportFrom} | {ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping}
)
_WITHOUT_NODES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "simple", "level", "module", "asname"}
    | {"is_async", "conversion", "rest", "kwd_attrs", "lineno", "tag"}
)
"""Fields that hold texts, numbers, contexts and operators."""
_PLAIN = frozenset(
    {ast.Assign, ast.AugAssign, ast.Await, ast.BinOp, ast.BoolOp, ast.Call, ast.Compare, ast.Dict, ast.Expr, ast.For}
    | {ast.If, ast.IfExp, ast.List, ast.Raise, ast.Return, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.With, ast.keyword}
)
"""Most nodes: written field by field. Asking for each kind in turn would be most of the work."""
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, check_circular=False)
_NODE_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
_FORM_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


@dataclass(frozen=True)
class Normal:
    """A normal form and the names in it that something outside must explain.

    ``free`` holds dotted chains such as ``settings.TABLE``, in order of first use. ``imports`` holds the import
    statements inside the piece, as ``(token, level, module, name)``: ``name`` is None for ``import module``.
    """

    form: Form
    free: tuple[str, ...]
    imports: tuple[tuple[str, int, str, str | None], ...]
    words: frozenset[str]  # see words_of(): also of what the form leaves out


def normalise(node: ast.AST) -> Normal:
    """Normal form of a function, a class, a statement or an expression. Its own decorators are left out."""
    words = words_of(node)
    writer = _Writer(keep_names=not words.isdisjoint(_NAME_READERS))
    form = writer.root(node)
    return Normal(form, tuple(dict.fromkeys(writer.free)), tuple(dict.fromkeys(writer.imports)), words)


def digest(form: Form) -> str:
    """``sha256:`` digest of a form's JSON: sorted keys, no spaces, ASCII."""
    return "sha256:" + hashlib.sha256(_JSON.encode(form).encode("ascii")).hexdigest()


def local_names(node: FunctionNode) -> frozenset[str]:
    """Names that are local to a function: parameters and everything it binds, less ``global`` and ``nonlocal``."""
    bound, outer = _names_bound([node.body] if isinstance(node, ast.Lambda) else node.body)
    bound.update(argument.arg for argument in parameters(node.args))
    return frozenset(bound - outer)


def _names_bound(body: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """The names that a scope binds, and those that it says are of another scope."""
    bound: set[str] = set()
    outer: set[str] = set()
    for child in _own_nodes(body):
        kind = type(child)
        if kind is ast.Name:
            if type(child.ctx) is not ast.Load:  # type: ignore[attr-defined]  # exactly a name
                bound.add(child.id)  # type: ignore[attr-defined]  # exactly a name
        elif kind in _BINDING:
            bound.update(_bound_by(child))
        elif isinstance(child, ast.Global | ast.Nonlocal):
            outer.update(child.names)
    return bound, outer


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter in the order of the signature: positional, ``*``, keyword-only, ``**``."""
    found = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg is not None:
        found.append(arguments.vararg)
    found.extend(arguments.kwonlyargs)
    if arguments.kwarg is not None:
        found.append(arguments.kwarg)
    return found


def is_generator(node: FunctionNode) -> bool:
    """Whether calling the function gives a generator."""
    if isinstance(node, ast.Lambda):
        return False
    return any(type(child) in (ast.Yield, ast.YieldFrom) for child in _own_nodes(node.body))


def is_text(node: ast.AST) -> bool:
    """Whether a statement is a bare constant: a docstring, a string used as a comment, an ellipsis."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def unquoted(annotation: ast.expr) -> ast.expr:
    """The expression that an annotation stands for: ``"P"`` is ``P``."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return ast.parse(annotation.value.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return annotation
    return annotation


def docstrings(node: ast.AST) -> list[str]:
    """The docstrings of a definition and of the definitions inside it."""
    found = [ast.get_docstring(child) for child in ast.walk(node) if isinstance(child, _DEFINITIONS)]
    return [text for text in found if text is not None]


def words_of(root: ast.AST) -> frozenset[str]:
    """Every name below a node, every attribute with a dot before it, and ``__doc__`` where it stands as text."""
    found: set[str] = set()
    stack = [root]
    for node in stack:  # it grows while it is read
        kind = type(node)
        if kind is ast.Name:
            found.add(node.id)  # type: ignore[attr-defined]  # exactly a name
        elif kind is ast.Constant:
            if node.value == "__doc__":  # type: ignore[attr-defined]  # exactly a constant
                found.add("__doc__")
        else:
            if kind is ast.Attribute:
                found.add(f".{node.attr}")  # type: ignore[attr-defined]  # exactly an attribute
            stack += _children(node)
    return frozenset(found)


def _children(node: ast.AST) -> list[ast.AST]:
    """The nodes below a node; several times faster than ``ast.iter_child_nodes``.

    Contexts and operators are left out; they say nothing by themselves.
    """
    found: list[ast.AST] = []
    for name in _NODE_FIELDS.get(type(node)) or _fields_of(type(node)):
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif value.__class__ is list:
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that hold nodes."""
    known = () if kind in (ast.Constant, ast.Name) else tuple(n for n in kind._fields if n not in _WITHOUT_NODES)
    _NODE_FIELDS[kind] = known
    return known


def _own_nodes(roots: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Nodes of a scope: does not go into nested functions, classes and lambdas, whose names are their own."""
    stack = list(roots)
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is ast.Constant:
            continue  # binds nothing and holds nothing
        yield node
        if kind is ast.Name:
            continue
        if kind not in _SCOPES:
            stack += _children(node)
        elif isinstance(node, _DEFINITIONS):
            stack.extend(node.decorator_list)
        elif isinstance(node, _COMPREHENSIONS):
            # Only the walrus reaches out of a comprehension.
            stack.extend(child for child in ast.walk(node) if isinstance(child, ast.NamedExpr))
        elif isinstance(node, ast.NamedExpr):
            stack.extend((node.target, node.value))


def _bound_by(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
    return []


@dataclass
class _Scope:
    kind: str  # function | lambda | comprehension | class | module
    names: frozenset[str]
    kept: frozenset[str] = frozenset()  # parameters: callers may name them
    tokens: dict[str, str] = field(default_factory=dict)


class _Writer:
    def __init__(self, *, keep_names: bool) -> None:
        self.free: list[str] = []
        self.imports: list[tuple[str, int, str, str | None]] = []
        self._keep = keep_names
        self._scopes: list[_Scope] = []
        self._count = 0

    def root(self, node: ast.AST) -> Form:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            form = self._function(node, decorators=False)
            # Who uses the function says its name. A renamed function is the same code.
            form[_NAME_OF_FUNCTION] = ""
            return form
        if isinstance(node, ast.ClassDef):
            return self._class(node, decorators=False)
        return self._node(node)

    # names

    def _name(self, name: str) -> Form:
        if self._scopes and name in self._scopes[-1].names:
            return self._token(self._scopes[-1], name)
        for depth, scope in enumerate(reversed(self._scopes)):
            if scope.kind == "class" and depth:
                continue  # a class body's names are not seen by its methods
            if name in scope.names:
                return self._token(scope, name)
        self.free.append(name)
        return ["g", name]

    def _token(self, scope: _Scope, name: str) -> Form:
        if scope.kind == "class":
            return ["c", name]
        if name in scope.kept or self._keep:
            return ["p", name]
        if name not in scope.tokens:
            scope.tokens[name] = str(self._count)
            self._count += 1
        return ["v", scope.tokens[name]]

    def _is_free(self, name: str) -> bool:
        return not any(name in scope.names for scope in self._scopes)

    # shapes

    def _body(self, statements: Iterable[ast.stmt]) -> Form:
        return [
            form
            for statement in statements
            if not is_text(statement) and not isinstance(statement, ast.Pass | ast.Global | ast.Nonlocal)
            if (form := self._node(statement)) is not None
        ]

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, decorators: bool) -> list[Form]:
        outer = [self._node(item) for item in node.decorator_list] if decorators else []
        defaults = self._defaults(node.args)
        name = self._name(node.name) if self._scopes else node.name
        kept = frozenset(argument.arg for argument in parameters(node.args))
        self._scopes.append(_Scope("function", local_names(node), kept))
        form: list[Form] = [
            "Function",
            isinstance(node, ast.AsyncFunctionDef),
            name,
            outer,
            self._signature(node.args),
            defaults,
        ]
        form.append(self._body(node.body))
        self._scopes.pop()
        return form

    def _lambda(self, node: ast.Lambda) -> Form:
        defaults = self._defaults(node.args)
        self._scopes.append(_Scope("lambda", local_names(node)))
        form = ["Lambda", self._signature(node.args), defaults, self._node(node.body)]
        self._scopes.pop()
        return form

    def _signature(self, arguments: ast.arguments) -> Form:
        groups = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
        starred = (arguments.vararg, arguments.kwarg)
        return [
            *([self._name(item.arg) for item in group] for group in groups),
            *(None if item is None else self._name(item.arg) for item in starred),
        ]

    def _defaults(self, arguments: ast.arguments) -> Form:
        return [
            [self._node(item) for item in arguments.defaults],
            [None if item is None else self._node(item) for item in arguments.kw_defaults],
        ]

    def _class(self, node: ast.ClassDef, *, decorators: bool) -> Form:
        outer = [self._node(item) for item in node.decorator_list] if decorators else []
        bases = [self._node(item) for item in [*node.bases, *node.keywords]]
        name = self._name(node.name) if self._scopes else node.name
        bound, _ = _names_bound(node.body)
        self._scopes.append(_Scope("class", frozenset(bound)))
        form = ["Class", name, outer, bases, self._body(node.body)]
        self._scopes.pop()
        return form

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Form:
        first = self._node(node.generators[0].iter)
        targets = {
            child.id
            for generator in node.generators
            for child in ast.walk(generator.target)
            if isinstance(child, ast.Name)
        }
        self._scopes.append(_Scope("comprehension", frozenset(targets)))
        clauses = [
            [
                first if index == 0 else self._node(generator.iter),
                self._node(generator.target),
                [self._node(test) for test in generator.ifs],
                bool(generator.is_async),
            ]
            for index, generator in enumerate(node.generators)
        ]
        parts = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        form = [type(node).__name__, clauses, *(self._node(part) for part in parts)]
        self._scopes.pop()
        return form

    def _import(self, node: ast.Import | ast.ImportFrom) -> Form:
        level = node.level if isinstance(node, ast.ImportFrom) else 0
        module = (node.module or "") if isinstance(node, ast.ImportFrom) else None
        forms = []
        for alias in node.names:
            local = alias.asname or (alias.name if module is not None else alias.name.partition(".")[0])
            token = self._name(local)
            self.imports.append(
                (
                    json.dumps(token),
                    level,
                    module if module is not None else alias.name,
                    alias.name if module is not None else None,
                )
            )
            forms.append([token, alias.name, bool(alias.asname)])
        return ["Import", str(level), module, forms]

    def _attribute(self, node: ast.Attribute) -> Form:
        names: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            names.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name) and self._is_free(value.id):
            self.free.append(".".join([value.id, *reversed(names)]))
            form: Form = ["g", value.id]
        else:
            form = self._node(value)
        for name in reversed(names):
            form = ["Attribute", form, name]
        return form

    def _text(self, node: ast.JoinedStr) -> Form:
        parts: list[Form] = []
        for item in node.values:
            form = self._node(item)
            if form == ["str", ""]:
                continue
            if parts and form[0] == "str" and parts[-1][0] == "str":
                parts[-1] = ["str", parts[-1][1] + form[1]]  # minors differ in how they cut the constant parts
            else:
                parts.append(form)
        return ["Text", parts]

    def _assignment(self, node: ast.AnnAssign) -> Form:
        value = None if node.value is None else self._node(node.value)
        if self._scopes and self._scopes[-1].kind == "class":
            # A dataclass and a pydantic model mean something by it.
            return ["Field", self._node(node.target), self._node(unquoted(node.annotation)), value]
        return None if value is None else ["Assign", [self._node(node.target)], value]

    def _node(self, node: ast.AST) -> Form:
        if type(node) in _PLAIN:
            return self._generic(node)
        match node:
            case ast.Name(id=name):
                return self._name(name)
            case ast.Constant(value=value):
                return constant_form(value)
            case ast.Attribute():
                return self._attribute(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._function(node, decorators=True)
            case ast.ClassDef():
                return self._class(node, decorators=True)
            case ast.Lambda():
                return self._lambda(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._comprehension(node)
            case ast.Import() | ast.ImportFrom():
                return self._import(node)
            case ast.JoinedStr():
                return self._text(node)
            case ast.AnnAssign():
                return self._assignment(node)
            case ast.ExceptHandler():
                caught = None if node.type is None else self._node(node.type)
                return ["Except", caught, None if node.name is None else self._name(node.name), self._body(node.body)]
            case ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
                return self._generic(node, captures=True)
        return self._generic(node)

    def _generic(self, node: ast.AST, *, captures: bool = False) -> Form:
        form: list[Form] = [type(node).__name__]
        for name in _FORM_FIELDS.get(type(node)) or _written_fields(type(node)):
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                form.append(self._node(value))
            elif isinstance(value, list):
                statements = bool(value) and isinstance(value[0], ast.stmt)
                form.append(self._body(value) if statements else [self._leaf(item) for item in value])
            elif captures and name in ("name", "rest") and isinstance(value, str):
                form.append(self._name(value))
            else:
                form.append(value if value is None or isinstance(value, str) else str(value))
        return form

    def _leaf(self, value: object) -> Form:
        if isinstance(value, ast.AST):
            return self._node(value)
        return value if value is None or isinstance(value, str) else str(value)


def _written_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    known = _FORM_FIELDS[kind] = tuple(name for name in kind._fields if name not in _SKIPPED)
    return known


def constant_form(value: object) -> Form:
    """A constant with its type: ``1``, ``True`` and ``1.0`` are three."""
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", str(value)]
        case str():
            return ["str", value]
        case bytes():
            return ["bytes", value.hex()]
        case int():
            return ["int", hex(value)]  # hex has no limit on the number of digits
        case float():
            return ["float", value.hex()]
        case complex():
            return ["complex", value.real.hex(), value.imag.hex()]
        case tuple():
            return ["tuple", *(constant_form(item) for item in value)]
        case frozenset():
            return ["frozenset", *sorted((constant_form(item) for item in value), key=json.dumps)]
    return ["other", type(value).__name__]
