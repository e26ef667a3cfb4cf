"""The intermediate representation: plans read from source and the IR that is approved.

All models are frozen, strict and refuse unknown fields. They hold no absolute path and no time, so that the same
source gives the same bytes on every machine. What is hashed, and how, is in :mod:`govflow.ir.hashing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""``sha256:`` and 64 lower-case hexadecimal digits."""

NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class StrictModel(BaseModel):
    """Frozen, no coercion, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def of_valid(cls, values: dict[str, Any]) -> Self:
        """A model of values that are known to be valid, every field among them. Nothing is looked at again.

        For a reader that makes thousands of models of the same few texts. What comes from outside is validated. The
        mapping becomes the model's own.
        """
        made = cls.__new__(cls)
        put = object.__setattr__
        put(made, "__dict__", values)
        put(made, "__pydantic_fields_set__", _every_field(cls))
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return made


@cache
def _every_field(model: type[StrictModel]) -> set[str]:
    """One set for all models of a kind: they are frozen, so nothing is added to it, and a copy copies it."""
    return set(model.model_fields)


class Tier(IntEnum):
    """Risk of a step or a run."""

    MINIMAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class StepKind(StrEnum):
    """What a step is."""

    BODY = "body"  # the flow's own body
    TASK = "task"
    SUBFLOW = "subflow"
    HOOK = "hook"  # a callable given to a decorator: state hook, cache key, retry condition, run name
    UNRESOLVED = "unresolved"  # a call that could run a body and could not be read


class Multiplicity(StrEnum):
    """How often a step runs in one flow run."""

    ONE = "one"
    OPTIONAL = "optional"
    MANY = "many"  # in a loop, a comprehension or a map, or a hook of what may run again: zero or more times


class EdgeKind(StrEnum):
    """Why one step comes after another."""

    DATA = "data"  # its value is an argument
    ORDER = "order"  # ``wait_for``


class CallSite(StrictModel):
    """Where a call stands, for people and for finding the step at run time. Never hashed.

    Lines count from 1; columns are UTF-8 byte offsets from 0, as in ``ast`` and ``co_positions``.
    """

    file: NonEmpty  # POSIX path relative to the folder of the flow's file
    function: str  # qualified name of the function that holds the call
    line: int
    column: int
    end_line: int
    end_column: int


class Effect(StrictModel):
    """One thing that a step's code does to the world, found by reading it.

    Action, provider, resource and ``unbounded`` are what is judged and hashed; the rest is for people.
    """

    action: NonEmpty
    provider: NonEmpty
    resource: NonEmpty  # ``{?}`` stands for a part that the source does not tell
    unbounded: bool = False  # it changes or deletes every row: an UPDATE or DELETE without WHERE
    detail: str = ""  # what was seen, as in ``DELETE FROM orders``. Not hashed; holds no literal value.
    site: CallSite | None = None  # of the call that does it. Not hashed.


class Step(StrictModel):
    """One call site of a task or subflow in a flow, or the flow's own body."""

    step_id: NonEmpty
    kind: StepKind
    callee: NonEmpty  # ``load``, or ``tasks.py:load`` for a function of another file of the repository
    action: NonEmpty = "task:execute"
    provider: NonEmpty = "python"
    resource: NonEmpty  # may hold ``{parameter}`` placeholders
    tier: Tier | None = None  # declared; never lowers what the tier rules say
    approval: str | None = None  # name of an approval rule
    records: int | str | None = None  # how many records it touches: a number or ``{parameter}``
    multiplicity: Multiplicity = Multiplicity.ONE
    count: Annotated[int, Field(ge=0)] | None = (
        None  # the most calls in one attempt of the flow; None: not in the source
    )
    retries: int = 0
    parameters: tuple[str, ...] = ()  # names bound at the call
    constants: Mapping[str, JsonValue] = Field(default_factory=dict)  # those of them that are literals
    declared: bool = False  # the source states the action: the effects are shown and not judged
    effects: tuple[Effect, ...] = ()  # found in the body and its helpers, each once, strongest first
    unseen: tuple[str, ...] = ()  # outside code that the body calls and whose effects are not known. Not hashed.
    code: Digest  # of the normalised body, helpers included
    reason: str | None = None  # for an unresolved step: why, in words
    sites: tuple[CallSite, ...] = ()  # from the flow's body inward; the last one is the call itself


class Edge(StrictModel):
    """``target`` comes after ``source``. Both are step ids."""

    source: NonEmpty
    target: NonEmpty
    kind: EdgeKind = EdgeKind.DATA


class FlowParameter(StrictModel):
    """A parameter of the flow as its source declares it."""

    name: NonEmpty
    required: bool = True
    annotation: str | None = None  # source text, normalised
    default: str | None = None  # source text, normalised


class Finding(StrictModel):
    """Something that a reader of the plan should know. Not hashed."""

    code: NonEmpty
    message: NonEmpty
    file: str | None = None
    line: int | None = None


class Plan(StrictModel):
    """The steps of a flow and their edges, read from source."""

    version: Literal[1] = 1
    flow: NonEmpty  # the name that Prefect shows
    file: NonEmpty  # base name of the flow's file. Not hashed.
    function: NonEmpty  # qualified name of the flow function
    retries: int = 0
    parameters: tuple[FlowParameter, ...] = ()
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...] = ()
    findings: tuple[Finding, ...] = ()

    def step(self, step_id: str) -> Step:
        """The step of that id; ``KeyError`` if there is none."""
        for step in self.steps:
            if step.step_id == step_id:
                return step
        raise KeyError(step_id)


class IR(StrictModel):
    """A plan bound to a tenant, an environment, a policy and the flow's parameters: what is approved.

    ``request_id`` and ``idempotency_key`` identify the request, not its meaning: they are not in ``ir_hash``.
    """

    version: Literal[1] = 1
    tenant: NonEmpty
    environment: NonEmpty
    policy_digest: Digest
    plan: Plan
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict)
    request_id: NonEmpty
    idempotency_key: NonEmpty
