"""Files of policy cases: what is asked, and what is expected to be said.

    policy: policy.yaml
    defaults:
      subject: {name: rita, roles: [developer]}
      run: {tenant: acme, environment: staging}
    cases:
      - name: many records need two people
        request: {action: data:delete, resource: "dataset://acme/sales"}
        each:
          - {step.records: 100, expect: allow}
          - {step.records: 101, expect: {effect: require_approval, rule: bulk-delete}}

A request has the form of :mod:`govflow.policy.request_form`; where a mapping would do, a dotted path may stand. A row
of ``each`` is the case with its fields put in. What no policy could mean is refused: a test with a typo passes too
easily.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from govflow.errors import RequestError
from govflow.ir.models import NonEmpty, StrictModel
from govflow.policy.fields import Texts
from govflow.policy.model import Effect, PolicyRequest
from govflow.policy.places import Path, Places
from govflow.policy.request_form import request_of
from govflow.policy.shape import shape_error
from govflow.policy.yaml_reader import read_yaml

_PER_FILE: Final = 100_000
_LABEL: Final = 40  # characters of a value in the name of a row

Said = tuple[tuple[Path, Mapping[str, Any]], ...]
"""The fields of a request as they were written, and where: shared ones, those of the case, those of its row."""


class Expected(StrictModel):
    """What a decision is held against: the fields that are given, and no others."""

    effect: Effect | None = Field(default=None, strict=False)
    rule: NonEmpty | None = None  # the deciding one; ``default`` and ``error`` count
    approval: NonEmpty | None = None  # null: no approval rule
    obligations: Texts | None = None  # all of them, in any order
    exceptions: Texts | None = None  # all that are honoured, in any order
    rules: Texts | None = None  # these are among those that the decision lists, notes included: ``shadow:NAME``
    reason: NonEmpty | None = None  # is part of the reason


def _written_short(value: object) -> object:
    """``expect: deny`` says the effect."""
    return {"effect": value} if isinstance(value, str) else value


def _says_something(expected: Expected) -> Expected:
    for name in ("effect", "rule"):
        if name in expected.model_fields_set and getattr(expected, name) is None:
            raise ValueError(f"every decision has its {name}, so 'null' could never hold")
    empty = {name for name in ("rules", "reason") if not getattr(expected, name)}
    if not expected.model_fields_set - empty:
        raise ValueError("nothing is expected, so the case would pass whatever is decided")
    return expected


Expects = Annotated[Expected, BeforeValidator(_written_short), AfterValidator(_says_something)]


class _RowShape(StrictModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)  # what else it holds are fields of the request

    name: NonEmpty | None = None
    expect: Expects | None = None


class _CaseShape(StrictModel):
    name: NonEmpty
    request: Mapping[str, JsonValue] = Field(default_factory=dict)
    expect: Expects | None = None
    each: Annotated[Sequence[_RowShape], AfterValidator(tuple)] | None = None


class _FileShape(StrictModel):
    policy: NonEmpty | None = None
    defaults: Mapping[str, JsonValue] = Field(default_factory=dict)
    cases: Annotated[Sequence[_CaseShape], AfterValidator(tuple)]


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what is expected of the decision about it."""

    name: str
    request: PolicyRequest
    expected: Expected
    where: str  # the file, for messages
    line: int | None
    said: Said
    place: Path


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases that is sound in itself; :func:`govflow.policy.cases.check_cases` holds it to a policy."""

    places: Places
    policy: str | None  # path of the policy file, as it is written
    cases: tuple[Case, ...]


def read_cases(text: str, where: str) -> CaseFile:
    """Read a file of cases.

    Raises:
        PolicyError: it is not YAML, a field is unknown or of another form, there is no case, two have one name, or one
            expects nothing; names file, line, field and mend.
    """
    value, places = read_yaml(text, where)
    if not isinstance(value, dict):
        raise places.error((), "the file is not a mapping", "Start it with 'cases:'.")
    try:
        shape = _FileShape.model_validate(value)
    except ValidationError as invalid:
        raise shape_error(invalid, places, _fields_at) from None
    if not shape.cases:
        raise places.error(("cases",), "there is no case, so nothing would be tested", "Write one.")
    cases = tuple(case for number, one in enumerate(shape.cases) for case in _cases(one, number, shape, places))
    if len(cases) > _PER_FILE:
        raise places.error(("cases",), f"more than {_PER_FILE} cases", "Put some of them into another file.")
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            raise places.error(case.place, f"two cases are named {case.name!r}", "Rename one of the two.")
        seen.add(case.name)
    return CaseFile(places, shape.policy, cases)


def _cases(one: _CaseShape, number: int, shape: _FileShape, places: Places) -> Iterator[Case]:
    here: Path = ("cases", number)
    said: Said = ((("defaults",), shape.defaults), ((*here, "request"), one.request))
    if one.each is None:
        yield _case(one.name, one.expect, said, here, places)
        return
    if not one.each:
        raise places.error((*here, "each"), "the list is empty, so nothing would be tested", "Write at least one row.")
    for index, row in enumerate(one.each):
        fields: Mapping[str, Any] = row.model_extra or {}
        told = row.name or ", ".join(f"{key}={_short(value)}" for key, value in fields.items()) or str(index)
        place = (*here, "each", index)
        yield _case(f"{one.name} [{told}]", row.expect or one.expect, (*said, (place, fields)), place, places)


def _case(name: str, expected: Expected | None, said: Said, place: Path, places: Places) -> Case:
    if expected is None:
        mend = "Write 'expect: allow', or a mapping of effect, rule and others."
        raise places.error(place, f"case {name!r} expects nothing", mend)
    form: dict[str, Any] = {}
    for where, fields in said:
        for key, value in fields.items():
            _put(form, key.split("."), value, (*where, key), places)
    try:
        request = request_of(form)
    except RequestError as wrong:
        field = str(wrong.details.get("field", ""))
        problem = wrong.message.removeprefix("The request cannot be read: ").removesuffix(".")
        raise places.error(_origin(field, said, place), f"case {name!r}: {problem}", wrong.mend) from None
    return Case(name, request, expected, places.where, places.lines.get(place), said, place)


def _put(form: dict[str, Any], keys: Sequence[str], value: Any, here: Path, places: Places) -> None:
    """Put a value where the keys lead; one mapping is put into another."""
    *above, last = keys
    for key in above:
        inner = form.setdefault(key, {})
        if not isinstance(inner, dict):
            raise places.error(here, f"{key!r} holds a value already, and no fields", "Remove one of the two.")
        form = inner
    if isinstance(value, Mapping) and isinstance(form.get(last, {}), dict):
        inner = form.setdefault(last, {})
        for key, item in value.items():
            _put(inner, [key], item, here, places)
    else:
        form[last] = value


def _origin(field: str, said: Said, place: Path) -> Path:
    """Where the field was written last."""
    head, _, rest = field.partition(".")
    for where, fields in reversed(said):
        if field in fields:
            return (*where, field)
        if head in fields:
            return (*where, head, rest) if rest else (*where, head)
    return place


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _fields_at(path: Path) -> list[str]:
    if not path:
        return list(_FileShape.model_fields)
    return list((Expected if path[-1] == "expect" else _CaseShape).model_fields)
