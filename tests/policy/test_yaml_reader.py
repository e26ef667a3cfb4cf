from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.errors import PolicyError
from govflow.policy.yaml_reader import MAX_DEPTH, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),  # in YAML 1.1 these were booleans and numbers
        ("no", "no"),
        ("12:30", "12:30"),
        ("0x10", "0x10"),
        ("2026-01-02", "2026-01-02"),
        ("'5'", "5"),
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("5.5", 5.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ("", None),
        ("''", ""),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("|\n    one\n    two\n", "one\ntwo\n"),
    ],
)
def test_each_text_has_one_meaning(text: str, value: Any) -> None:
    read, _ = read_yaml(f"key: {text}", "f.yaml")
    assert read == {"key": value}
    assert isinstance(read, dict)
    assert type(read["key"]) is type(value)  # True == 1


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab:#'é ", max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner),
        max_leaves=10,
    )
)
def test_json_is_read_as_json(value: Any) -> None:
    read, _ = read_yaml(json.dumps({"key": value}), "f.yaml")
    assert read == {"key": value}


def test_every_value_has_its_line() -> None:
    _, places = read_yaml("a:\n  - b: 1\n    c: 2\n\n  - x\n", "f.yaml")
    assert places.lines[("a", 0, "c")] == 3
    assert places.lines[("a", 1)] == 5


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\na: 2", 2, "stands twice"),
        ("a: {b: 1, b: 2}", 1, "stands twice"),
        ("a: &x [1]\nb: *x", 1, "anchors"),
        ("b: *x", 1, "anchors"),
        ("a: !!python/object/apply:os.system ['true']", 1, "tags"),
        ("a: !!str 5", 1, "tags"),
        ("<<: {a: 1}\n1: 2", 2, "not text"),
        ("? [a]\n: 1", 1, "not text"),
        ("a: 1\n---\nb: 1", 2, "more than one document"),
        ("a: 007", 1, "leading zero"),
        ("a: .nan", 1, "not finite"),
        ("a: -.inf", 1, "not finite"),
        ("a: 1e999", 1, "not finite"),
        ("a: 123456789012345678901", 1, "2**53"),
        ("a: ]", 1, "not YAML"),
        ("a: b: c", 1, "not YAML"),
    ],
)
def test_what_has_more_than_one_reading_is_refused(text: str, line: int, says: str) -> None:
    with pytest.raises(PolicyError, match=rf"^f\.yaml:{line}: ") as caught:
        read_yaml(text, "f.yaml")
    assert says in caught.value.message


def test_text_that_is_not_text_is_refused() -> None:
    with pytest.raises(PolicyError, match="not YAML"):
        read_yaml("a: \x00", "f.yaml")


def test_a_tower_of_brackets_is_refused_before_it_falls() -> None:
    read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f.yaml")
    with pytest.raises(PolicyError, match="nested deeper"):
        read_yaml("[" * 100_000, "f.yaml")


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(PolicyError, match="anchors"):
        read_yaml("\n".join(lines), "f.yaml")
