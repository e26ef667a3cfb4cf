"""Another spelling of a name is the same person wherever something is taken away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval import same_person
from govflow.approval.people import person_key
from govflow.approval.rules import eligible, judge_vote
from govflow.errors import SelfApproval
from tests.approval.build import asked, vote

SPELLINGS = [
    "Fiona",
    " fiona ",
    "fiona\u00a0",
    "fiona\n",
    "\ufb01ona",  # the ligature fi
    "\uff46\uff49\uff4f\uff4e\uff41",  # full width
    "\uff26iona",
    "fi\u200bona",  # zero width space
    "fi\u00adona",  # soft hyphen
    "\u202efiona\u202c",  # written backwards
    "fiona\ufe0f",
    "fio\u034fna",
    "\U0001d41f\U0001d422\U0001d428\U0001d427\U0001d41a",  # bold letters of mathematics
    "\u24d5iona",  # circled
    "fion\u00aa",  # the feminine ordinal is an a
    "fiona\u3164",
]


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
def test_nobody_approves_their_own_run_under_a_look_alike_of_their_name(spelling: str) -> None:
    for request in (asked(requester=spelling), asked(owners=("carol", spelling))):
        assert not eligible(request.rule, request, "fiona", frozenset())
        with pytest.raises(SelfApproval):
            judge_vote(request, [], vote("fiona"), frozenset())


def test_names_of_others_stay_others() -> None:
    for other in ("fion", "fiona2", "fi ona", "fi-ona", "f.iona", "ﬁon", "\u0430lice"):
        assert not same_person(other, "fiona")
    assert not same_person("jose", "jos\u00e9")
    assert same_person("jose\u0301", "JOS\u00c9")


@given(st.text())
def test_the_key_of_a_key_is_itself(name: str) -> None:
    assert person_key(person_key(name)) == person_key(name)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,20}", fullmatch=True))
def test_the_key_of_a_principal_is_its_name_in_small_letters(name: str) -> None:
    assert person_key(name) == name.lower()
