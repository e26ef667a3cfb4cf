from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, SecretStr

from govflow.errors import CanonicalError
from govflow.governor.values import DEEPEST, SECRET, fill, hashable, placeholders, plain
from govflow.ir.canonical import canonical


class Colour(Enum):
    RED = "red"


class Model(BaseModel):
    name: str
    secret: SecretStr


@dataclasses.dataclass
class Row:
    id: UUID
    at: datetime


def test_everything_that_people_pass_has_a_form() -> None:
    row = Row(UUID(int=7), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    found = plain(
        {
            "path": Path("a/b"),
            "money": Decimal("1.10"),
            "colour": Colour.RED,
            "row": row,
            "set": {3, 1, 2},
            "t": (1, 2.5),
        },
        "x",
    )
    assert found == {
        "path": "a/b",
        "money": "1.10",
        "colour": "red",
        "row": {"id": str(UUID(int=7)), "at": "2026-01-02T03:04:05+00:00"},
        "set": [1, 2, 3],
        "t": [1, 2.5],
    }
    assert canonical(found)


def test_a_secret_leaves_no_trace_of_itself() -> None:
    short, long = Model(name="a", secret=SecretStr("x")), Model(name="a", secret=SecretStr("canary-" * 9))
    assert plain(short, "m") == plain(long, "m") == {"name": "a", "secret": SECRET}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, {"b": math.nan}]}, "task t, parameter p.a[1].b"),
        ({"a": object()}, "task t, parameter p.a"),
        ({(1, 2): "x"}, "task t, parameter p"),
    ],
)
def test_what_has_no_form_is_named_by_its_place(value: object, place: str) -> None:
    with pytest.raises(CanonicalError) as caught:
        plain(value, "task t, parameter p")
    assert place in caught.value.message
    assert caught.value.mend


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(CanonicalError, match="contains itself"):
        plain(loop, "p")


def test_a_value_that_is_too_deep_is_refused() -> None:
    deep: list[object] = []
    for _ in range(DEEPEST - 1):
        deep = [deep]
    assert canonical(plain(deep, "p"))
    for levels in (1, 100_000):
        for _ in range(levels):
            deep = [deep]
        with pytest.raises(CanonicalError, match="more than 100 levels deep"):
            plain(deep, "p")


def test_a_value_whose_own_code_fails_is_refused() -> None:
    class Lazy(dict[str, int]):
        def items(self) -> Any:
            raise OSError("the file is gone: canary")

    with pytest.raises(CanonicalError, match=r"p: it cannot be read \(OSError\)") as caught:
        plain({"rows": Lazy(a=1)}, "p")
    assert "canary" not in str(caught.value)


def test_numbers_that_json_cannot_hold_exactly_are_text() -> None:
    assert plain({"id": 2**60, "small": -(2**53) + 1, 7: True}, "p") == {
        "id": "1152921504606846976",
        "small": -9007199254740991,
        "7": True,
    }


def test_what_is_set_on_an_object_beside_its_fields_is_seen() -> None:
    class Open(BaseModel, extra="allow"):
        a: int

    class Rows(list[int]):
        where = ""

    rows = Rows([1])
    rows.where = "1=1"
    row = Row(UUID(int=7), datetime(2026, 1, 2, tzinfo=UTC))
    row.where = "1=1"  # type: ignore[attr-defined] # that is the attack
    seen = plain([Open(a=1, where="1=1"), rows, row], "p")  # type: ignore[call-arg] # extra="allow"
    assert str(seen).count("1=1") == 3


def test_another_secret_is_another_value_under_a_key() -> None:
    def mask(text: str) -> str:
        return f"digest of {len(text)}"

    assert plain(SecretStr("a"), "p", mask) != plain(SecretStr("bb"), "p", mask)
    assert plain(SecretStr("a"), "p") == plain(SecretStr("bb"), "p") == SECRET


@pytest.mark.parametrize("value", ["\ud800"])
def test_what_json_can_say_and_a_hash_cannot_is_named_by_its_place(value: object) -> None:
    assert plain({"a": [value]}, "p") == {"a": [value]}
    with pytest.raises(CanonicalError, match=r"task t, parameter p\.a\[0\]"):
        hashable({"a": [value]}, "task t, parameter p")


def test_the_same_object_twice_is_no_loop() -> None:
    item = {"a": 1}
    assert plain([item, item], "p") == [{"a": 1}, {"a": 1}]


def test_templates_are_filled_from_bound_values() -> None:
    assert placeholders("warehouse://{warehouse}/{table}") == ("warehouse", "table")
    assert fill("w://{warehouse}/t", {"warehouse": Path("x.db")}, "step s") == "w://x.db/t"


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_a_resource_needs_text(value: object) -> None:
    with pytest.raises(CanonicalError, match="needs text or a number"):
        fill("w://{warehouse}", {"warehouse": value}, "step s")


def test_a_template_of_a_parameter_that_is_not_bound_is_refused() -> None:
    with pytest.raises(CanonicalError, match="no parameter 'warehouse' is bound"):
        fill("w://{warehouse}", {}, "step s")
