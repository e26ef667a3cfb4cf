"""Conditions in the Common Expression Language: ``cel: "parameters.amount > 100 && run.flow.startsWith('load-')"``.

The expression is taken apart here before the library sees it. Each attribute path is looked up in the schema and put in
as a variable, and the library has to name just those variables, and no function but those of a list: so what is read is
known, and nothing repeats. Its time is bounded by its length and by that of the values it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Final

from govflow.policy.attributes import Attribute, AttributeSchema, AttributeType, EvaluationError, reader
from govflow.policy.model import PolicyRequest
from govflow.policy.operators import as_moment
from govflow.policy.unknown import UNKNOWN, Undetermined
from govflow.policy.values import BOOL, HAS_TYPE, LIST, NUMBER, OTHER, TEXT, ConditionProblem, kind_of

CEL: Final = "cel"
"""What stands in the place of a path, and holds an expression."""

MAX_LENGTH: Final = 1000
MAX_SUMS: Final = 16  # `+` joins texts too, and a text that doubles at each step is soon too long
MAX_TEXT: Final = 10_000
MAX_ITEMS: Final = 1000
_LARGEST: Final = 2**63 - 1

FUNCTIONS: Final = frozenset(
    {"contains", "double", "duration", "endsWith", "getDayOfMonth", "getDayOfWeek", "getFullYear", "getHours",
     "getMinutes", "getMonth", "int", "size", "startsWith", "string", "timestamp"}
)  # fmt: skip
_OPERATORS: Final = frozenset(
    {"_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_+_", "_-_", "_*_", "_/_", "_%_",
     "_?_:_", "_[_]"}
)  # fmt: skip
_WORDS: Final = frozenset({"true", "false", "in"})
_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<text>(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<number>(?:[0-9]+\.[0-9]+|[0-9]+)(?![\w.]))"
    r"|(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:,.()\[\]])",
    re.ASCII,
)
_CALL: Final = re.compile(r"[ \t\r\n]*\(")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression taken apart: what the library gets, and which attribute each of its variables is."""

    text: str
    paths: tuple[str, ...]  # of v0, v1, ...


@lru_cache(maxsize=4096)
def taken_apart(source: str) -> Expression:
    """The expression with variables in the place of paths.

    Raises:
        ConditionProblem: it holds something that is no part of the language here.
    """
    if len(source) > MAX_LENGTH:
        raise ConditionProblem(f"the expression is longer than {MAX_LENGTH} characters", "Write several, under 'all'.")
    pieces: list[str] = []
    paths: dict[str, str] = {}
    place, before, sums = 0, "", 0
    while place < len(source):
        token = _TOKEN.match(source, place)
        if token is None:
            raise ConditionProblem(
                f"the expression cannot be read at {source[place : place + 10]!r}",
                "Write paths, texts, whole and decimal numbers, lists, operators and the functions of docs/policy.md.",
            )
        text, kind, place = token[0], token.lastgroup, token.end()
        if kind == "path":
            pieces.append(_word(text, before, _CALL.match(source, place) is not None, paths))
        else:
            pieces.append(text)
        if kind == "text" and before in {"path", "text"}:
            raise ConditionProblem("the expression has a text with a mark or of several lines", "Write 'abc'.")
        if text == before == "/":
            raise ConditionProblem("the expression has a comment in it", "Write it in the description of the rule.")
        sums += text == "+"
        if kind != "space":
            before = text if kind == "sign" else str(kind)
    if sums > MAX_SUMS:
        raise ConditionProblem(f"the expression adds more than {MAX_SUMS} times", "Write several, under 'all'.")
    return Expression("".join(pieces), tuple(paths))


def _word(text: str, before: str, called: bool, paths: dict[str, str]) -> str:
    """A path with what is called at its end, a function, or a word of the language."""
    names = text.split(".")
    function = names.pop() if called else ""
    if function and function not in FUNCTIONS:
        raise ConditionProblem(
            f"{function}() is no function of expressions here",
            f"Use one of: {', '.join(sorted(FUNCTIONS))}; has() and macros are left to 'exists', 'any' and 'all'.",
        )
    if before == ".":
        if names:
            raise ConditionProblem(f"{text!r} is a field of something that is no attribute", "Read attributes alone.")
        return function
    if not names or (not function and text in _WORDS):
        return text
    path = ".".join(names)
    variable = paths.setdefault(path, f"v{len(paths)}")
    return f"{variable}.{function}" if function else variable


def cel_paths(source: str) -> tuple[str, ...]:
    """The attribute paths that a sound expression reads."""
    return taken_apart(source).paths


def compile_cel(source: object, schema: AttributeSchema, restricts: bool) -> Callable[[PolicyRequest, str], bool]:
    """The function that answers an expression.

    Args:
        source: the expression.
        schema: the attributes that there are.
        restricts: what the answer is where one of the attributes that it reads is missing.

    Raises:
        ConditionProblem: the expression cannot be used, or the library is not installed.
    """
    if not isinstance(source, str) or not source.strip():
        raise ConditionProblem("'cel' takes an expression as text", 'Write one: cel: "step.records > 100".')
    apart = taken_apart(source)
    attributes: list[Attribute] = []
    for path in apart.paths:
        attribute = schema.find(path)
        if attribute is None:
            raise ConditionProblem(f"unknown attribute {path!r} in the expression", schema.suggestion(path))
        attributes.append(attribute)
    if not attributes:
        raise ConditionProblem("the expression reads no attribute, so it is always the same", "Remove it.")
    execute = _program(apart)
    held = [(f"v{number}", attribute, reader(attribute.path)) for number, attribute in enumerate(attributes)]

    def met(request: PolicyRequest, resource: str) -> bool:
        values: dict[str, Any] = {}
        missing, unknown = False, ""
        for name, attribute, read in held:
            value = read(request, resource)
            if value is None:
                missing = True
            elif value is UNKNOWN:
                unknown = attribute.path
            else:
                values[name] = _taken(attribute, value)
        if unknown:
            raise Undetermined(unknown)
        return restricts if missing else _answer(execute, values)

    return met


def _program(apart: Expression) -> Callable[[dict[str, Any]], Any]:
    library = _library()
    try:
        program = library.compile(apart.text)
    except ValueError:
        raise ConditionProblem("the expression is not CEL", "Mend it; docs/policy.md shows what there is.") from None
    named = {f"v{number}" for number in range(len(apart.paths))}
    strange = set(program.functions()) - FUNCTIONS - _OPERATORS
    if set(program.variables()) != named or strange:
        what = f": {', '.join(sorted(strange))}" if strange else ""
        raise ConditionProblem(f"the expression has something in it that is not taken{what}", "Write it more simply.")
    execute: Callable[[dict[str, Any]], Any] = program.execute
    return execute


def _library() -> ModuleType:
    try:
        import cel
    except ImportError:
        raise ConditionProblem(
            "'cel' needs the package common-expression-language", "pip install 'govflow[cel]'"
        ) from None
    return cel


def _answer(execute: Callable[[dict[str, Any]], Any], values: dict[str, Any]) -> bool:
    try:
        result = execute(values)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as problem:  # noqa: BLE001 - a panic of the library is no Exception; what it says quotes values
        raise EvaluationError(f"the CEL expression has no answer ({type(problem).__name__})") from None
    if result.__class__ is not bool:
        raise EvaluationError("the CEL expression is not true or false")
    return bool(result)


def _taken(attribute: Attribute, value: Any) -> Any:
    """A value as the library takes it.

    Raises:
        EvaluationError: it is of the wrong type, or too large.
    """
    path = attribute.path
    if attribute.type is AttributeType.TIME:
        return as_moment(path, value)
    if not HAS_TYPE[attribute.type](value):
        raise EvaluationError(f"{path} is {kind_of(value)}, not of its declared type {attribute.type}")
    if kind_of(value) == LIST:
        if len(value) > MAX_ITEMS:
            raise EvaluationError(f"{path} has more than {MAX_ITEMS} members")
        return [_scalar(path, item) for item in value]
    return _scalar(path, value)


def _scalar(path: str, value: Any) -> Any:
    kind = kind_of(value)
    if kind == TEXT:
        if len(value) > MAX_TEXT:
            raise EvaluationError(f"{path} is longer than {MAX_TEXT} characters")
        return str(value)
    if kind == BOOL:
        return value
    if kind == NUMBER and (isinstance(value, float) or -_LARGEST <= value <= _LARGEST):
        return float(value) if isinstance(value, float) else int(value)
    raise EvaluationError(f"{path} is {kind if kind in {LIST, OTHER} else 'a number'} that CEL does not have")
