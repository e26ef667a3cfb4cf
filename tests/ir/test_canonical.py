"""The canonical form against the published vectors, an independent implementation, and its own slow path."""

from __future__ import annotations

import json
import struct
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from govflow.errors import CanonicalError
from govflow.ir.canonical import MAX_DEPTH, canonical, canonical_digest, canonical_slow, digest, number

VECTORS = Path(__file__).parent.parent / "vectors"
CASES: list[dict[str, str]] = json.loads((VECTORS / "jcs_rfc8785.json").read_text("utf-8"))
NUMBERS: list[dict[str, str]] = json.loads((VECTORS / "jcs_numbers_sample.json").read_text("utf-8"))


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Plain(Enum):
    A = "a"


@dataclass
class Point:
    x: int


class Loud(str):
    def __str__(self) -> str:
        return "LOUD"


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=20
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
@pytest.mark.covers("S5-05")
def test_published_vectors(case: dict[str, str]) -> None:
    expected = bytes.fromhex(case["outhex"])
    assert canonical(json.loads(case["input"])) == expected
    assert canonical_slow(json.loads(case["input"])) == expected


@pytest.mark.parametrize("case", NUMBERS, ids=[case["ieee_hex"] for case in NUMBERS])
def test_published_numbers(case: dict[str, str]) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(case["ieee_hex"].rjust(16, "0")))
    assert number(value) == case["expected"]


@given(values)
@example({"\U0001f602": 1, "\ufb33": 2})  # UTF-8 and UTF-16 order these two keys differently
@example([1e21, 1e20, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680000.0])
def test_equals_the_independent_implementation(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_equal_the_independent_implementation(value: float) -> None:
    assert number(value).encode() == rfc8785.dumps(value)


@given(anything)
def test_fast_path_equals_slow_path(value: Any) -> None:
    """Same bytes, or the same refusal."""

    def outcome(function: Any) -> object:
        try:
            return function(value)
        except CanonicalError as error:
            return error.message

    assert outcome(canonical) == outcome(canonical_slow)


@given(values)
def test_canonical_form_is_a_fixed_point(value: Any) -> None:
    once = canonical(value)
    # ECMAScript has one number type: 2.0**53 is written without a point and read back as a double.
    assert canonical(json.loads(once, parse_int=float)) == once


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, b"true"),
        ([True, 1, False, 0], b"[true,1,false,0]"),
        (Colour.RED, b'"red"'),
        ({Colour.RED: Level.HIGH}, b'{"red":3}'),
        (Loud("quiet"), b'"quiet"'),
        ((1, (2,)), b"[1,[2]]"),
        (OrderedDict(b=1, a=2), b'{"a":2,"b":1}'),
        (MappingProxyType({"b": 1, "a": 2}), b'{"a":2,"b":1}'),
        (2**53 - 1, b"9007199254740991"),
        (float(2**53), b"9007199254740992"),
        ("\x7f\u2028</\x1f", b'"\x7f\xe2\x80\xa8</\\u001f"'),
        ({}, b"{}"),
    ],
)
def test_python_types(value: object, expected: bytes) -> None:
    assert canonical(value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"config": [0, 1, 2, {"rate": float("nan")}]}, "parameters.config[3].rate: NaN has no canonical form"),
        ({"a": float("inf")}, "parameters.a: an infinity has no canonical form"),
        ([2**53], "parameters[0]: an integer of 2**53 or more has no canonical form"),
        (-(2**53), "parameters: an integer of 2**53 or more has no canonical form"),
        ({"a b": "\ud800"}, "parameters['a b']: a lone surrogate has no canonical form"),
        ({"x": {"\udfff": 1}}, "parameters.x['\\udfff']: a lone surrogate has no canonical form"),
        ({"x": {1: 1}}, "parameters.x: a key of type int has no canonical form"),
        (
            [date(2020, 1, 1)],
            "parameters[0]: an object of type datetime.date has no canonical form",
        ),
        (UUID(int=1), "parameters: an object of type uuid.UUID has no canonical form"),
        ({"raw": b"x"}, "parameters.raw: an object of type builtins.bytes has no canonical form"),
        ({"s": {1}}, "parameters.s: an object of type builtins.set has no canonical form"),
    ],
)
def test_a_refusal_names_the_place(value: object, message: str) -> None:
    with pytest.raises(CanonicalError) as caught:
        canonical(value, "parameters")
    assert caught.value.message == message
    assert caught.value.mend


@pytest.mark.parametrize("value", [Plain.A, Point(1)], ids=["enum", "dataclass"])
def test_objects_that_orjson_would_write_are_refused(value: object) -> None:
    with pytest.raises(CanonicalError, match=type(value).__qualname__):
        canonical({"x": [value]})


def test_a_refusal_does_not_print_the_value() -> None:
    with pytest.raises(CanonicalError) as caught:
        canonical({"token": "hunter2-\ud800"})
    assert "hunter2" not in str(caught.value)


def test_the_root_may_be_left_out_of_the_path() -> None:
    with pytest.raises(CanonicalError, match=r"^parameters\.rate: NaN"):
        canonical({"parameters": {"rate": float("nan")}}, "")


def test_a_cycle_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(CanonicalError, match="cycle"):
        canonical(loop)


def test_depth_has_a_limit_and_both_paths_share_it() -> None:
    def nested(depth: int, leaf: object) -> object:
        for _ in range(depth):
            leaf = [leaf]
        return leaf

    assert canonical(nested(MAX_DEPTH + 1, 1)) == canonical_slow(nested(MAX_DEPTH + 1, 1))
    with pytest.raises(CanonicalError, match="nesting deeper"):
        canonical(nested(MAX_DEPTH + 2, 1))
    with pytest.raises(CanonicalError, match="nesting deeper"):
        canonical(nested(MAX_DEPTH + 2, 1.5))


def test_digest_is_sha256_in_hexadecimal() -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == empty
    assert canonical_digest({"b": 1, "a": 2}) == digest(b'{"a":2,"b":1}')
