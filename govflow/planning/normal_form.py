"""The normal form of a piece of Python: what it does, without how it is written.

Left out: positions, comments, formatting, docstrings, annotations, the names of local variables. Kept: constants,
default values, names of globals, attributes, parameters and keywords, annotations of the fields of a class. The form is
plain lists and strings, our own and not ``ast.dump``'s, so that Python 3.11, 3.12 and 3.13 give the same bytes for the
same source.

Standard library only, as what it imports: a test runs it under each Python minor that it finds.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from govflow.planning.bound_names import (
    COMPREHENSIONS,
    DEFINITIONS,
    local_names,
    names_bound,
    parameters,
    survey,
    words_of,
)

Form: TypeAlias = Any  # nested lists of str and None

_SKIPPED = frozenset({"annotation", "returns", "type_comment", "type_params", "ctx", "kind", "simple"})
_NAME_READERS = frozenset({"locals", "vars", "eval", "exec", "dir"})
"""Builtins through which the name of a local variable can be seen: a body that uses them keeps its names."""
_NAME_OF_FUNCTION = 2  # where it stands in the form of a function
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CAPTURED = frozenset({"name", "rest"})  # fields of patterns that bind a name
_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, check_circular=False)
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
    words, local = survey(node) if isinstance(node, _FUNCTIONS) else (words_of(node), frozenset[str]())
    writer = _Writer(keep_names=not words.isdisjoint(_NAME_READERS))
    form = writer.root(node, local)
    return Normal(form, tuple(dict.fromkeys(writer.free)), tuple(dict.fromkeys(writer.imports)), words)


def digest(form: Form) -> str:
    """``sha256:`` digest of a form's JSON: sorted keys, no spaces, ASCII."""
    return "sha256:" + hashlib.sha256(_JSON.encode(form).encode("ascii")).hexdigest()


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
    found = [ast.get_docstring(child) for child in ast.walk(node) if isinstance(child, DEFINITIONS)]
    return [text for text in found if text is not None]


@dataclass
class _Scope:
    kind: str  # function | lambda | comprehension | class | module
    names: frozenset[str]
    kept: frozenset[str] = frozenset()  # parameters: callers may name them
    tokens: dict[str, str] = field(default_factory=dict)
    written: dict[str, Form] = field(default_factory=dict)  # its own names, in its own statements


class _Writer:
    def __init__(self, *, keep_names: bool) -> None:
        self.free: list[str] = []
        self.imports: list[tuple[str, int, str, str | None]] = []
        self._keep = keep_names
        self._scopes: list[_Scope] = []
        self._count = 0

    def root(self, node: ast.AST, local: frozenset[str]) -> Form:
        """The form of a whole piece; ``local`` are the names of a function."""
        if isinstance(node, _FUNCTIONS):
            form = self._function(node, decorators=False, local=local)
            # Who uses the function says its name. A renamed function is the same code.
            form[_NAME_OF_FUNCTION] = ""
            return form
        if isinstance(node, ast.ClassDef):
            return self._class(node, decorators=False)
        return self._node(node)

    # names

    def _name(self, name: str) -> Form:
        if self._scopes:
            own = self._scopes[-1]
            if name in own.names:
                form = own.written[name] = self._token(own, name)
                return form
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

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, decorators: bool, local: frozenset[str] | None = None
    ) -> list[Form]:
        outer = [self._node(item) for item in node.decorator_list] if decorators else []
        defaults = self._defaults(node.args)
        name = self._name(node.name) if self._scopes else node.name
        kept = frozenset(argument.arg for argument in parameters(node.args))
        self._scopes.append(_Scope("function", local_names(node) if local is None else local, kept))
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
        bound, _ = names_bound(node.body)
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
        write = _WRITERS.get(type(node), _Writer._generic)
        return write(self, node)

    def _read(self, node: ast.Name) -> Form:
        known = self._scopes[-1].written.get(node.id) if self._scopes else None
        return self._name(node.id) if known is None else known

    def _call(self, node: ast.Call) -> Form:
        """As :meth:`_generic` writes it, which a long flow would ask for at every call and keyword."""
        write = self._node
        return [
            "Call",
            write(node.func),
            [write(item) for item in node.args],
            [["keyword", item.arg, write(item.value)] for item in node.keywords],
        ]

    def _assign(self, node: ast.Assign) -> Form:
        return ["Assign", [self._node(item) for item in node.targets], self._node(node.value)]

    def _constant(self, node: ast.Constant) -> Form:
        return constant_form(node.value)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Form:
        return self._function(node, decorators=True)

    def _class_inside(self, node: ast.ClassDef) -> Form:
        return self._class(node, decorators=True)

    def _handler(self, node: ast.ExceptHandler) -> Form:
        caught = None if node.type is None else self._node(node.type)
        return ["Except", caught, None if node.name is None else self._name(node.name), self._body(node.body)]

    def _capture(self, node: ast.AST) -> Form:
        return self._generic(node, captures=True)

    def _generic(self, node: ast.AST, *, captures: bool = False) -> Form:
        kind = type(node)
        form: list[Form] = [kind.__name__]
        for name in _FORM_FIELDS.get(kind) or _written_fields(kind):
            value = getattr(node, name, None)
            if value is None or value.__class__ is str:
                form.append(self._name(value) if captures and value and name in _CAPTURED else value)
            elif value.__class__ is list:
                statements = bool(value) and isinstance(value[0], ast.stmt)
                form.append(self._body(value) if statements else [self._leaf(item) for item in value])
            else:
                form.append(self._leaf(value))
        return form

    def _leaf(self, value: object) -> Form:
        write = _WRITERS.get(type(value))
        if write is not None:
            return write(self, value)
        if isinstance(value, ast.AST):
            return self._generic(value)
        return value if value is None or isinstance(value, str) else str(value)


_WRITERS: dict[type[Any], Callable[[_Writer, Any], Form]] = {
    ast.Name: _Writer._read,
    ast.Constant: _Writer._constant,
    ast.Call: _Writer._call,
    ast.Assign: _Writer._assign,
    ast.Attribute: _Writer._attribute,
    ast.FunctionDef: _Writer._definition,
    ast.AsyncFunctionDef: _Writer._definition,
    ast.ClassDef: _Writer._class_inside,
    ast.Lambda: _Writer._lambda,
    **dict.fromkeys(COMPREHENSIONS, _Writer._comprehension),
    ast.Import: _Writer._import,
    ast.ImportFrom: _Writer._import,
    ast.JoinedStr: _Writer._text,
    ast.AnnAssign: _Writer._assignment,
    ast.ExceptHandler: _Writer._handler,
    **dict.fromkeys((ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Writer._capture),
}
"""Kinds of nodes with a form of their own; the others are written field by field."""


def _written_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    known = _FORM_FIELDS[kind] = tuple(name for name in kind._fields if name not in _SKIPPED)
    return known


def constant_form(value: object) -> Form:
    """A constant with its type: ``1``, ``True`` and ``1.0`` are three."""
    if type(value) is str:
        return ["str", value]
    if type(value) is int:
        return ["int", hex(value)]  # hex has no limit on the number of digits
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", str(value)]
        case bytes():
            return ["bytes", value.hex()]
        case float():
            return ["float", value.hex()]
        case complex():
            return ["complex", value.real.hex(), value.imag.hex()]
        case tuple():
            return ["tuple", *(constant_form(item) for item in value)]
        case frozenset():
            return ["frozenset", *sorted((constant_form(item) for item in value), key=json.dumps)]
    return ["other", type(value).__name__]
