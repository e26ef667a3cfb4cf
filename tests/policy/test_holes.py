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
        ("dataset://[!0-9a-m]*", "dataset://{?}/x", True, False),
        ("*[!a-m]*", "dataset://{?}", True, True),
        ("dataset://?*", "dataset://{?}/x", True, True),
        ("dataset://a?*", "dataset://a{?}", True, False),
        ("*a???b*", "aa.a{?}b", True, False),
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


def test_an_exception_is_not_for_a_resource_that_may_lie_outside_of_it() -> None:
    given = {
        "name": "e", "rule": "r", "owner": "carol", "ticket": "T-1", "expires": "2999-01-01",
        "resources": ["dataset://[!a-m]*"],
    }  # fmt: skip
    held = [rule("r", DENY, resources=["dataset://acme/*"], level="soft-mandatory")]
    asked = request(resource="dataset://{?}/x", run={"time": "2027-01-01"})
    assert decide(held, asked, exceptions=[given]).rule == "r"


def test_a_condition_on_a_resource_that_is_not_known_denies() -> None:
    rules = [rule("r", ALLOW, conditions={"resource": {"equals": "dataset://public/a"}})]
    assert decide(rules, request(resource="dataset://public/{?}")).rule == "error"


def test_a_hole_survives_the_normal_form() -> None:
    assert normal_with_holes("HTTPS://API.acme.io//v1/./{?}") == "https://api.acme.io/v1/\0"


@pytest.mark.parametrize("glob", ["a[!]b/*", "a[]b/*", "a[b/*"])
def test_a_bracket_that_fnmatch_does_not_close_is_itself(glob: str) -> None:
    matches = some_match([glob])
    assert matches is not None
    text = glob.removesuffix("*")
    assert fnmatch.fnmatchcase(text + "x", glob)
    assert matches(normal_with_holes(text + HOLE))


@pytest.mark.parametrize("resource", ["{?}", "{?}/sales", "dataset{?}/sales", "dataset:{?}", "dataset:/{?}/sales"])
def test_a_resource_whose_beginning_is_not_known_may_be_of_the_tenant(resource: str) -> None:
    """What stands in the hole may be ``dataset://acme``: a rule about what is acme's own has no answer."""
    asked = request(resource=resource, run={"tenant": "acme"})
    own = rule("own", DENY, conditions={"resource.same_tenant": {"equals": True}})
    assert decide([own], asked, default_effect=ALLOW).rule == "error"
    strange = rule("strange", ALLOW, conditions={"resource.same_tenant": {"equals": False}})
    assert decide([strange], asked).rule == "error"


@pytest.mark.parametrize("resource", ["/srv/{?}", "sales/{?}", "dataset://other/{?}"])
def test_a_resource_whose_beginning_is_known_is_of_another_tenant(resource: str) -> None:
    asked = request(resource=resource, run={"tenant": "acme"})
    own = rule("own", DENY, conditions={"resource.same_tenant": {"equals": True}})
    assert decide([own], asked, default_effect=ALLOW).rule == "default"
