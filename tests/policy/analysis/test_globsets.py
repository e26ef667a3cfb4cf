"""Globs as sets: what is said of two of them holds for every text."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.analysis.globsets import TooLarge, common, contains, disjoint, held_by
from govflow.policy.globs import compile_glob

PARTS = st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[!a]", "[a-c]", "[*]", "]", "[", "[!]b]"])
GLOBS = st.lists(PARTS, min_size=1, max_size=6).map("".join)
TEXTS = ["".join(letters) for size in range(5) for letters in product("abz/*", repeat=size)]


@given(one=GLOBS, other=GLOBS)
def test_what_two_globs_have_in_common_is_what_texts_say(one: str, other: str) -> None:
    first, second = compile_glob(one), compile_glob(other)
    both = [text for text in TEXTS if first(text) and second(text)]
    shared = common([one, other], ())
    assert disjoint(one, other) is (shared is None)
    if shared is None:
        assert not both
    else:
        assert first(shared) and second(shared)


@given(outer=GLOBS, inner=GLOBS)
def test_a_glob_holds_another_if_and_only_if_no_text_tells_them_apart(outer: str, inner: str) -> None:
    wide, narrow = compile_glob(outer), compile_glob(inner)
    if contains(outer, inner):
        assert all(wide(text) for text in TEXTS if narrow(text))
    else:
        apart = common([inner], [outer])
        assert apart is not None and narrow(apart) and not wide(apart)


@pytest.mark.parametrize(
    ("outers", "inner", "held"),
    [
        (["a*", "b*"], "[ab]x*", True),
        (["a*", "b*"], "[a-c]x", False),
        (["*"], "", True),
        (["dataset://phi/*"], "dataset://phi/2026/*", True),
        (["dataset://phi/*"], "dataset://ph*", False),
        (["?*"], "*", False),
        (["", "?*"], "*", True),
        (["tool://sql_*", "tool://db_*"], "tool://sql_run", True),
    ],
)
def test_several_globs_hold_one_together(outers: list[str], inner: str, held: bool) -> None:
    assert held_by(inner, outers) is held


def test_a_walk_that_grows_too_large_says_nothing() -> None:
    wide = "*a" + "?" * 14
    with pytest.raises(TooLarge):
        common(["*b" + "?" * 14], [wide])
    assert not contains(wide, "*b" + "?" * 14)
    assert not disjoint(wide, "*b" + "?" * 13 + "c" * 3 + "*")
