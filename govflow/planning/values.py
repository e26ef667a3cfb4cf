"""What an expression of a flow can be, as far as planning needs to know.

Values have identity, not equality: the same object in two places is the same function, task or list. ``deps`` are
numbers of drafted steps (:class:`govflow.planning.recorder.Draft`) that a value was made from.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from govflow.planning.modules import SourceModule
    from govflow.planning.options import Options
    from govflow.planning.scopes import Scope

Deps: TypeAlias = frozenset[int]
NO_DEPS: Deps = frozenset()
FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_MOST_ITEMS = 20_000  # of a container, before each is kept once


class Origin(Enum):
    """Where data comes from, which decides whether a call of it could run a task."""

    STEP = "step"  # a future, state or result
    EXTERNAL = "external"  # from code outside the repository
    COMPUTED = "computed"  # by an operator, a literal, an element of data
    PARAMETER = "parameter"  # given by whoever starts the flow
    HIDDEN = "hidden"  # from the repository, by a way that cannot be read


class Value:
    """Anything that a name can stand for."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Constant(Value):
    """A literal."""

    value: object


@dataclass(eq=False, slots=True)
class Data(Value):
    """Data whose content is not known."""

    deps: Deps = NO_DEPS
    origin: Origin = Origin.COMPUTED
    reason: str = ""  # why it is hidden
    direct: Deps = NO_DEPS  # steps whose very future, state or result it is, on every path
    whole: bool = False  # everything that it was made from is known: no other step is behind it


@dataclass(eq=False, slots=True)
class Text(Data):
    """Text, or a path, of which parts are known. Everything that reads data reads it as data."""

    parts: tuple[str | None, ...] = ()  # None is a part that the source does not tell
    path: bool = False  # a ``pathlib.Path`` of that text


@dataclass(eq=False, slots=True)
class Object(Data):
    """Data made by code outside the repository, as far as it is known what it is.

    Attributes:
        kind: the catalogue's name of it, ``aws-client(s3)``, with attributes that were taken: ``openai-client.chat``.
        made: how it was made, in words for people: ``acme.connect()``, ``conn`` for a parameter.
        provider: of what it stands for, if that is known; ``dialect`` of its SQL likewise.
        given: arguments by name, of the calls that made it and what it was made from: a base URL, a bucket's name.
        tame: code whose effects are known made it; a method of it does nothing, unless the catalogue knows better.
        cls: the class of the repository that an annotation says it has.
    """

    kind: str = ""
    made: str = ""
    provider: str = ""
    dialect: str = ""
    given: Mapping[str, Value] = field(default_factory=dict)
    tame: bool = False
    cls: ClassValue | None = None


@dataclass(eq=False, slots=True)
class External(Value):
    """A name of a module that is not in the repository: ``pandas.read_csv``."""

    dotted: str


@dataclass(eq=False, slots=True)
class ModuleRef(Value):
    """A module or package of the repository. ``path`` is None for a folder without ``__init__.py``."""

    path: str | None
    folder: str | None  # where its submodules are, if it is a package
    dotted: str


@dataclass(eq=False, slots=True)
class ModuleNames(Value):
    """``globals()``: the names of a module."""

    module: ModuleRef


@dataclass(eq=False, slots=True)
class Imported(Value):
    """``name`` of a module of the repository, looked up when it is used: imports may be circular."""

    module: ModuleRef
    name: str


@dataclass(eq=False, slots=True)
class Function(Value):
    """A function of the repository."""

    node: FunctionNode
    module: SourceModule
    qualname: str
    scope: Scope  # where its free names are looked up
    owner: ClassValue | None = None
    binding: Literal["", "static", "class", "property"] = ""
    defaults: tuple[Value, ...] = ()
    keyword_defaults: tuple[Value | None, ...] = ()
    wrapped: bool = False  # by a decorator from outside, which may call it any number of times
    named_after: Value | None = None  # the function whose name it was given
    setter: Function | None = None  # of a property
    deleter: Function | None = None
    registered: tuple[Function, ...] = ()  # for other classes of its first argument
    decorators: list[ast.expr] = field(default_factory=list)  # those that make no task or flow of it


@dataclass(eq=False, slots=True)
class TaskValue(Value):
    """A Prefect task. ``receiver`` is the object whose method it is."""

    fn: Value
    options: Options
    receiver: Value | None = None
    wrapped: bool = False  # by a decorator from outside, which may call it any number of times
    own: Instance | None = None  # the object that it is, if that is of a class of the repository


@dataclass(eq=False, slots=True)
class FlowValue(Value):
    """A Prefect flow."""

    fn: Value
    options: Options
    receiver: Value | None = None
    wrapped: bool = False
    own: Instance | None = None


@dataclass(eq=False, slots=True)
class LoneTask(FlowValue):
    """A task that no flow calls: in the background it is run as a flow of which it is the body."""


@dataclass(eq=False, slots=True)
class Decorator(Value):
    """``task(...)`` or ``flow(...)`` that still waits for its function."""

    kind: Literal["task", "flow"]
    options: Options


@dataclass(eq=False, slots=True)
class PastTask(Value):
    """``some_task.fn``: its function, which runs without the engine when it is called."""

    runnable: TaskValue | FlowValue


@dataclass(eq=False, slots=True)
class Named(Value):
    """``functools.wraps(some_function)``: a decorator that only gives a function the name of another."""

    after: Value


@dataclass(eq=False, slots=True)
class Factory(Value):
    """``field(default_factory=list)``: each object of the class gets a value of its own."""

    makes: Value


@dataclass(eq=False, slots=True)
class HookPoint(Value):
    """``some_task.on_failure``: called with a function, it adds a hook."""

    owner: TaskValue | FlowValue
    kind: str


@dataclass(eq=False, slots=True)
class Method(Value):
    """A named method of a value that the interpreter itself knows: ``some_task.submit``, ``some_list.append``."""

    receiver: Value
    name: str


@dataclass(eq=False, slots=True)
class BoundFunction(Value):
    """A method of a class of the repository with its object."""

    function: Function
    receiver: Value


@dataclass(eq=False, slots=True)
class Partial(Value):
    """``functools.partial``."""

    target: Value
    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


@dataclass(eq=False, slots=True)
class ClassValue(Value):
    """A class of the repository."""

    node: ast.ClassDef
    module: SourceModule
    qualname: str
    members: dict[str, Value]
    bases: tuple[Value, ...]
    meta: Value | None = None  # its own metaclass
    heirs: list[ClassValue] = field(default_factory=list)  # subclasses that were read


@dataclass(eq=False, slots=True)
class Instance(Value):
    """An object of a class of the repository."""

    cls: ClassValue
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Super(Value):
    """``super()``: an object, or a class, as the classes behind one of its classes see it."""

    receiver: Instance | ClassValue
    classes: tuple[Value, ...]
    owner: ClassValue


@dataclass(eq=False, slots=True)
class Container(Value):
    """A list, tuple or set (``keys`` is None) or a dict.

    ``exact`` means that the items stand at their indices; otherwise each may be there any number of times. It only
    grows: an item that may have been put in is in.
    """

    items: list[Value]
    keys: list[Value] | None = None
    exact: bool = True
    swallows: bool = False  # what a generator gives that, as a context manager, may swallow an error
    lent: bool = False  # code that is not read had it, and may have put more in

    def __post_init__(self) -> None:
        self.settle()

    def settle(self) -> None:
        """Keep each item once where there are too many: code that doubles a list forty times must not fill memory."""
        if len(self.items) <= _MOST_ITEMS:
            return
        keys = self.keys if self.keys is not None else [NONE] * len(self.items)
        pairs = {(key_of(key), key_of(item)): (key, item) for key, item in zip(keys, self.items, strict=True)}
        if len(pairs) == len(self.items):
            return
        self.items = [item for _, item in pairs.values()]
        if self.keys is not None:
            self.keys = [key for key, _ in pairs.values()]
        self.exact = False

    def add(self, item: Value, key: Value | None = None) -> None:
        """Put one more item in. Where places do not count, not again what was just put in: a loop is read twice."""
        if not self.exact and self.keys is None and any(key_of(item) == key_of(known) for known in self.items[-8:]):
            return
        self.items.append(item)
        if self.keys is not None:
            self.keys.append(key if key is not None else Data())


@dataclass(eq=False, slots=True)
class Choice(Value):
    """One of several values: the branches of a conditional, the elements of a loop."""

    options: tuple[Value, ...]


NONE = Constant(None)
UNNAMED = ""
"""Among the attributes of an object: what was given to it under names that are not known."""


def key_of(value: Value) -> object:
    """What is the same of values that stand for the same."""
    if isinstance(value, Constant):
        try:
            return (type(value.value), hash(value.value), value.value)
        except TypeError:
            return id(value)
    if isinstance(value, External):
        return value.dotted
    if isinstance(value, Imported):
        return (value.module.path, value.module.folder, value.name)
    if isinstance(value, Text):
        return (value.parts, value.path, value.deps)
    if isinstance(value, Object):
        return (
            value.kind,
            value.made,
            value.origin,
            value.deps,
            value.reason,
            value.direct,
            id(value.cls),
            *map(id, value.given.values()),
        )
    if isinstance(value, Data):
        return (value.origin, value.deps, value.reason, value.direct, value.whole)
    if isinstance(value, Method):
        return (id(value.receiver), value.name)
    return id(value)
