"""Whether places can be filled where stages leave a choice: exactly, however many ways there are."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govflow.approval.models import ApprovalRule, Group, Stage
from govflow.approval.satisfiable import unsatisfiable
from govflow.errors import PolicyError
from govflow.policy.document import load_policy
from govflow.policy.seating import Seating
from govflow.policy.ways import Option, TooManyWays, can_be_filled


def option(people: str, required: int) -> Option:
    return Option(frozenset(people), required)


def plainly(choices: list[list[Option]]) -> bool:
    """One way after the other."""
    for way in itertools.product(*choices):
        seating = Seating([one.required for one in way])
        for person in sorted({person for one in way for person in one.people}):
            seating.add([number for number, one in enumerate(way) if person in one.people])
        if seating.free == 0:
            return True
    return False


OPTIONS = st.builds(Option, st.frozensets(st.sampled_from("abcdefgh"), max_size=5), st.integers(1, 4))


@settings(max_examples=200)
@given(st.lists(st.lists(OPTIONS, min_size=1, max_size=3), max_size=5))
def test_it_agrees_with_trying_all_ways(choices: list[list[Option]]) -> None:
    assert can_be_filled(choices) is plainly(choices)


def test_a_choice_of_nothing_cannot_be_filled() -> None:
    assert not can_be_filled([[]])
    assert can_be_filled([])


def any_of(number: int, *groups: tuple[str, int]) -> Stage:
    made = [
        Group(name=f"g{place}", approvers=tuple(f"user:{name}" for name in people.split()), required=required)
        for place, (people, required) in enumerate(groups)
    ]
    return Stage(name=f"s{number}", groups=tuple(made), need="any")


def rule_of(*stages: Stage) -> ApprovalRule:
    return ApprovalRule(name="many", stages=stages)


def pairs(number: int) -> tuple[tuple[str, int], ...]:
    return (f"a{number} b{number}", 2), (f"c{number} d{number}", 2)


def test_an_impossible_stage_is_found_behind_more_ways_than_can_be_tried() -> None:
    possible = [any_of(number, *pairs(number)) for number in range(40)]
    assert unsatisfiable(rule_of(*possible), {}, None) is None
    hidden = [any_of(40, ("x y", 2), ("x z", 2)), any_of(41, ("x y", 2), ("y z", 2))]
    why = unsatisfiable(rule_of(*possible, *hidden), {}, None)
    assert why is not None and "84 different people" in why


def test_too_many_people_for_the_names_that_there_are_is_found_at_once() -> None:
    names = " ".join("abcdefghijkl")
    stages = [any_of(number, (names, 2), (names.upper(), 3), (f"{names} z", 2)) for number in range(8)]
    assert unsatisfiable(rule_of(*stages), {}, None) is not None


def test_the_requester_can_be_the_one_who_lacks() -> None:
    stages = [any_of(number, *pairs(number)) for number in range(12)]
    last = any_of(12, ("rita zoe", 2), ("rita zoe yan", 3))
    assert unsatisfiable(rule_of(*stages, last), {}, None) is None
    assert "besides the requester rita" in (unsatisfiable(rule_of(*stages, last), {}, "rita") or "")


def hard() -> list[list[Option]]:
    """Triples of three sorts of people, and one stage more than there are of each sort: as hard as it gets."""
    cube = [option(f"{a}{b}{c}", 3) for a in "abcdefg" for b in "hijklmn" for c in "opqrstu"]
    picked = [one for number, one in enumerate(cube) if number * number % 11 in (1, 3)]
    return [[*picked, option("abcdefgvwxyz", 12)] for _ in range(8)]


def test_what_nobody_can_tell_is_refused_and_says_so() -> None:
    with pytest.raises(TooManyWays):
        can_be_filled(hard())
    stages = [
        any_of(number, *((" ".join(sorted(one.people)), one.required) for one in choice))
        for number, choice in enumerate(hard())
    ]
    assert "Nobody can tell" in (unsatisfiable(rule_of(*stages), {}, None) or "")


def written(*stages: Stage) -> str:
    rules = {"many": {"stages": [stage.model_dump(mode="json") for stage in stages]}}
    return json.dumps({"version": 1, "policy": {"name": "p"}, "approvals": rules})


def test_no_file_is_loaded_whose_rule_hides_behind_many_ways() -> None:
    possible = [any_of(number, *pairs(number)) for number in range(11)]
    load_policy(written(*possible), "policy.yaml")
    hidden = [any_of(11, ("x y", 2), ("x z", 2)), any_of(12, ("x y", 2), ("y z", 2))]
    with pytest.raises(PolicyError, match="needs 26 different people"):
        load_policy(written(*possible, *hidden), "policy.yaml")
    stages = [any_of(n, *((" ".join(sorted(o.people)), o.required) for o in choice)) for n, choice in enumerate(hard())]
    with pytest.raises(PolicyError, match="nobody can tell whether it can be met"):
        load_policy(written(*stages), "policy.yaml")
