"""Regular expressions: those of the standard library where both read a pattern, and never slow."""

from __future__ import annotations

import re
import string
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.regex import MAX_SIZE, RegexProblem, compile_regex


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("^abc$", "abc", True),
        ("^abc$", "xabc", False),
        ("^abc$", "abc\n", False),  # Python's `$` would take this
        (".*abc.*", "xabcx", True),
        (".*", "", True),
        (".*", "a\nb", True),
        ("^$", "", True),
        ("^(a|bc)*$", "abcbca", True),
        ("^(a|bc)*$", "abcb", False),
        ("^(?:a|)b$", "b", True),
        ("^a{2}$", "aa", True),
        ("^a{2,}$", "aaaaa", True),
        ("^a{2,3}$", "aaaa", False),
        ("^a{0}b$", "b", True),
        ("^a+b?$", "aaab", True),
        (r"^\d+\.\w\s$", "12.a ", True),
        (r"^\d$", "\u0663", False),  # an Arabic digit
        (r"^\D$", "\u0663", True),
        (r"^[\w-]+@[^@/]+$", "a-b@acme.io", True),
        (r"^[^\d]$", "5", False),
        ("^[a-c\\]]+$", "ab]", True),
        (r"^\$\^\\$", "$^\\", True),
        ("^[\u00e4-\u00fc]+$", "\u00f6", True),
        ("^\U0001f600?x$", "\U0001f600x", True),
        ("^(a*)*$", "aaa", True),
        ("^.*$", "\U0010ffff", True),
    ],
)
def test_expressions_match_the_whole_text(pattern: str, text: str, answer: bool) -> None:
    assert compile_regex(pattern)(text) is answer


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("abc$", "does not say where it begins"),
        ("^abc", "does not say where it ends"),
        (r"^abc\$", "does not say where it ends"),
        (r"^abc\.*", "does not say where it ends"),
        ("", "begins"),
        ("^a$|b$", "'$' stands at the end"),
        ("^a|b$", "in a group"),
        ("^(a$", "'$' stands at the end"),
        ("^(a", "not closed"),
        ("^a)$", "closes nothing"),
        ("^a^$", "'^' stands at the start"),
        ("^[ab$", "not closed"),
        ("^[]$", "empty"),
        ("^[[a]$", "written"),
        ("^[b-a]$", "range goes up"),
        (r"^[\d-z]$", "range goes up"),
        ("^*$", "repeats nothing"),
        ("^a**$", "repeat of a repeat"),
        ("^a*?$", "repeat of a repeat"),
        ("^a{,3}$", "not a count"),
        ("^a{3,2}$", "a count goes up"),
        ("^a{1001}$", "1000 at most"),
        ("^(a{1000}){1000}$", "places"),
        (r"^\1$", "not used"),
        (r"^\bx$", "not used"),
        ("^x\\", "not used"),
        ("^(?=a)$", "not used"),
        ("^(?P<n>a)$", "not used"),
        (".*(?i)a.*", "not used"),
        ("^" + "(" * 100 + ")" * 100 + "$", "nested deeper"),
    ],
)
def test_what_is_not_used_is_refused_with_a_reason(pattern: str, says: str) -> None:
    with pytest.raises(RegexProblem, match=re.escape(says)):
        compile_regex(pattern)


_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\W", r"\.", "[a-c1-3]", "()"])
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)


@given(pattern=_PATTERNS, texts=st.lists(st.text("ab1.\n\u00e9", max_size=8), max_size=8))
def test_the_standard_library_agrees(pattern: str, texts: list[str]) -> None:
    matches = compile_regex(f"^{pattern}$")
    standard = re.compile(pattern, re.ASCII | re.DOTALL)
    for text in texts:
        assert matches(text) is (standard.fullmatch(text) is not None)


@given(st.text(string.punctuation + "ab1", max_size=12))
def test_any_text_is_a_pattern_or_refused(pattern: str) -> None:
    try:
        matches = compile_regex(pattern)
    except RegexProblem:
        return
    assert matches("ab1") in {True, False}


def _steps(pattern: str, text: str) -> int:
    """How many lines of Python run while a text is matched: the work, whatever else the machine does."""
    matches, count = compile_regex(pattern), 0

    def trace(frame: object, event: str, arg: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # a looser signature than the stub's
    try:
        matches(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("pattern", ["^(a+)+b$", "^(a|a)*b$", "^(a?){30}a{30}$", ".*a.*a.*a.*b$", "^(.*a){8}b$"])
def test_work_grows_with_the_text_and_no_faster(pattern: str) -> None:
    once, ten_times = _steps(pattern, "a" * 400), _steps(pattern, "a" * 4000)
    assert ten_times <= 11 * once


def test_states_are_forgotten_when_there_are_many() -> None:
    matches = compile_regex("^(a|b)*a(a|b){14}$")  # 2**15 states, if all were kept
    text = "".join(f"{number:015b}" for number in range(1000)).replace("0", "a").replace("1", "b")
    assert matches(text) is (text[-15] == "a")
    assert matches("a" + "b" * 14)


def test_the_largest_pattern_is_allowed() -> None:
    assert compile_regex("^a{900}$")("a" * 900)
    assert MAX_SIZE == 2000
