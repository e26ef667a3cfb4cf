"""A resource of which only a part is known never turns a restrictive rule off, and never an allow rule on."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.holes import HOLE, every_match, normal_with_holes, some_match
from tests.policy.build import ALLOW, ASK, DENY, decide, request, rule

PIECES = st.sampled_from(["a", "b", "/", "ab", HOLE])
GLOB_PIECES = st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[!a]"])
FILLINGS = st.text(alphabet="ab/c", max_size=4)


def filled(template: list[str], texts: list[str]) -> str:
    waiting = iter(texts)
    return "".join(next(waiting) if piece == HOLE else piece for piece in template)


@given(st.lists(PIECES, max_size=6), st.lists(GLOB_PIECES, min_size=1, max_size=6), st.lists(FILLINGS, min_size=6))
def test_what_some_filling_matches_is_found(template: list[str], pieces: list[str], texts: list[str]) -> None:
    pattern, text = "".join(pieces), "".join(template).replace(HOLE, "\0")
    overlaps, always = some_match([pattern]), every_match([pattern])
    if fnmatch.fnmatchcase(filled(template, texts), pattern):
        assert overlaps is None or overlaps(text)
    else:
        assert always is not None and not always(text)


@pytest.mark.parametrize(
    ("pattern", "resource", "some", "every"),
    [
        ("dataset://phi/*", "dataset://{?}", True, False),
        ("dataset://phi/*", "dataset://{?}/orders", True, False),
        ("dataset://phi/*", "dataset://public/{?}", False, False),
        ("dataset://public/*", "dataset://public/{?}", True, True),
        ("dataset://public/?", "dataset://public/{?}", True, False),
        ("https://api.acme.io/*", "https://{?}/v1", True, False),
        ("https://api.acme.io/*", "https://api.acme.io/{?}", True, True),
        ("s3://*/archive/*", "s3://{?}", True, False),
        ("*production*", "s3://{?}", True, False),
    ],
)
def test_holes_are_read_as_the_law_of_missing_attributes_says(
    pattern: str, resource: str, some: bool, every: bool
) -> None:
    asked = request(resource=resource)
    for effect in (DENY, ASK):
        made = decide([rule("r", effect, resources=[pattern])], asked, default_effect=ALLOW)
        assert (made.effect is effect) is some
    assert (decide([rule("r", ALLOW, resources=[pattern])], asked).effect is ALLOW) is every


def test_a_condition_on_a_resource_that_is_not_known_denies() -> None:
    rules = [rule("r", ALLOW, conditions={"resource": {"equals": "dataset://public/a"}})]
    assert decide(rules, request(resource="dataset://public/{?}")).rule == "error"


def test_a_hole_survives_the_normal_form() -> None:
    assert normal_with_holes("HTTPS://API.acme.io//v1/./{?}") == "https://api.acme.io/v1/\0"
