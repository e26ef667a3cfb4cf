from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy.globs import NoNormalForm, compile_glob, compile_globs, normal_glob, normal_resource
from tests.policy.build import ALLOW, DENY, decide, request, rule

GLOBS = st.text(alphabet="ab:/*?[]!-.", max_size=8)
TEXTS = st.text(alphabet="ab:/*?[]!-.\n", max_size=8)
RESOURCES = st.text(alphabet="aS3:/.%2EeFf?#~\\", max_size=16)

MATCHES = [
    ("data:*", "data:write", True),
    ("data:*", "datax:write", False),
    ("*", "", True),
    ("*", "any/thing:at all\n", True),
    ("tool://sql_*", "tool://sql_query", True),
    ("*production*", "s3://production/x", True),
    ("dataset://phi/*", "dataset://phi/a/b:c", True),  # '*' crosses '/' and ':'
    ("dataset://phi/*", "dataset://phi", False),
    ("dataset://PHI/*", "dataset://phi/a", False),  # letter case counts
    ("data:rea?", "data:read", True),
    ("data:rea?", "data:rea", False),
    ("a?c", "a/c", True),
    ("[ab]x", "bx", True),
    ("[!ab]x", "bx", False),
    ("[a-c]x", "bx", True),
    ("[*]", "*", True),
    ("[*]", "x", False),
    ("[x", "[x", True),  # an open bracket that is not closed is itself
    ("", "", True),
    ("abc", "abcd", False),
]

NORMAL = [
    ("S3://bucket/Key", "s3://bucket/Key"),
    ("https://API.acme.io/V1", "https://api.acme.io/V1"),
    ("HTTPS://API.acme.io", "https://api.acme.io"),
    ("dataset://ph%69/a%2Fb", "dataset://phi/a/b"),
    ("dataset://a%3fb", "dataset://a%3Fb"),
    ("dataset://a/x/../b/./c", "dataset://a/b/c"),
    ("dataset://a/x/%2e%2E/b", "dataset://a/b"),
    ("dataset://a//b", "dataset://a/b"),
    ("dataset://a/b/", "dataset://a/b/"),
    ("https://h/a/../b?q=../c", "https://h/b?q=../c"),
    ("dataset://a%252fb", "dataset://a%252fb"),
    ("file:///etc/../var", "file:///var"),
    ("/srv/../etc/passwd", "/etc/passwd"),
    ("/../etc", "/etc"),
    ("../up", "../up"),
    ("s3:%2F%2Fb/k", "s3://b/k"),
    ("task://module/qualname", "task://module/qualname"),
    ("", ""),
]


@pytest.mark.covers("S2-010")
@pytest.mark.parametrize(("pattern", "text", "matches"), MATCHES)
def test_globs_match_as_the_table_says(pattern: str, text: str, matches: bool) -> None:
    assert compile_glob(pattern)(text) is matches


@pytest.mark.covers("S2-010")
@given(pattern=GLOBS, text=TEXTS)
def test_globs_are_those_of_fnmatch(pattern: str, text: str) -> None:
    expected = re.compile(fnmatch.translate(pattern)).match(text) is not None
    assert compile_glob(pattern)(text) is expected
    several = compile_globs([pattern, "ab"])
    assert (several is None or several(text)) is (expected or text == "ab")


@pytest.mark.covers("S2-011")
@pytest.mark.parametrize(("before", "after"), NORMAL)
def test_resources_are_normalised_as_the_table_says(before: str, after: str) -> None:
    assert normal_resource(before) == after


@pytest.mark.parametrize(
    "spelling",
    [
        *(
            "https://H.com./x",
            "https://h.com:443/x",
            "https://h.com.:443/x",
            "HTTPS://h.com:443./x",
            "https://h.com/./x",
        ),
        *(
            "https://h.com:/x",
            "https://h.com:0443/x",
            "https://u@h.com/x",
            "https://u:p@h.com:443/x",
            "https://@h.com/x",
        ),
        *("https://a@b@h.com/x", "https://h.com?x=1", "https://h.com#x", "https://h.com:{?}/x", "https://h.com:4{?}/x"),
        *("https://{?}:{?}@h.com/x", "https://{?}@h.com/x", "https://h.com?x={?}"),
        *("https://h.com\\@good.com/x", "https://h\t.com/x", "https://h.com\n/x", "https://h.com /x"),
    ],
)
def test_another_spelling_of_a_host_does_not_get_round_a_deny(spelling: str) -> None:
    for pattern in ("https://h.com/*", "https://H.com:443/*", "https://?.com:443/*", "https://[h].com:0443/*"):
        assert (
            decide([rule("no", DENY, resources=[pattern])], request(resource=spelling), default_effect=ALLOW).effect
            is DENY
        )


@pytest.mark.parametrize(
    "spelling",
    [
        "https://good.com@h.com/x",
        "https://good.com:443@h.com/x",
        "https://{?}@good.com/x",
        "https://good.com\\@h.com/x",
    ],
)
def test_what_stands_before_a_host_does_not_make_it_an_allowed_one(spelling: str) -> None:
    allowed = rule("good", ALLOW, resources=["https://good.com/*", "https://good.com:*"])
    assert decide([allowed], request(resource=spelling)).effect is DENY


@given(st.text(alphabet="ah.:0443@ü\0", max_size=12))
def test_a_host_is_normal_after_one_time(host: str) -> None:
    normal = normal_resource(f"https://{host}/x")
    assert normal_resource(normal) == normal


@given(resource=RESOURCES)
def test_the_normal_form_of_a_normal_form_is_itself(resource: str) -> None:
    try:
        normal = normal_resource(resource)
    except NoNormalForm:
        return
    assert normal_resource(normal) == normal
    assert not re.search(r"(^|/)\.\.?(/|$)", re.split(r"[?#]", normal)[0].removeprefix("../")) or ".." in normal[:3]


@given(resource=RESOURCES)
def test_what_is_normal_at_a_glance_is_normal_when_taken_apart(resource: str) -> None:
    from govflow.policy import globs

    if not globs._NORMAL.fullmatch(resource):
        return
    path, tail = globs._split(resource)
    scheme, mark, rest = path.partition("://")
    authority, slash, below = rest.partition("/")
    apart = f"{scheme}{mark}{authority}{globs._below(slash + below)}" if mark else globs._resolve(path)
    assert apart + tail == resource


@pytest.mark.parametrize("resource", ["dataset://public/../phi/x", "dataset://a%2F..%2Fphi/x", "dataset://../x"])
def test_a_resource_that_climbs_above_its_authority_is_denied(resource: str) -> None:
    with pytest.raises(NoNormalForm):
        normal_resource(resource)
    decision = decide([rule("all", ALLOW)], request(resource=resource))
    assert (decision.effect, decision.rule) == (DENY, "error")


@pytest.mark.covers("S2-011")
@pytest.mark.parametrize(
    "spelling",
    [
        "DATASET://phi/x",
        "dataset://ph%69/x",
        "dataset://phi%2Fx",
        "dataset://phi//x",
        "dataset://phi/./x",
        "dataset://phi/y/../x",
        "dataset://phi/y/%2e%2e/x",
    ],
)
def test_another_spelling_does_not_get_round_a_deny(spelling: str) -> None:
    rules = [rule("phi", DENY, resources=["dataset://phi/*"], priority=1), rule("rest", ALLOW)]
    assert decide(rules, request(resource=spelling)).rule == "phi"


def test_a_spelling_does_not_widen_an_allow() -> None:
    rules = [rule("public", ALLOW, resources=["dataset://a/public/*"])]
    assert decide(rules, request(resource="dataset://a/public/%2e%2e/phi")).rule == "default"


@pytest.mark.parametrize(
    ("pattern", "normal"),
    [
        ("S3://bucket/*", "s3://bucket/*"),
        ("https://API.acme.io/*", "https://api.acme.io/*"),
        ("dataset://ph%69/*", "dataset://phi/*"),
        ("*://x/?", "*://x/?"),
        ("https://*?next=//evil*", "https://*?next=//evil*"),
        ("../up/*", "../up/*"),
    ],
)
def test_globs_are_brought_to_the_form_of_what_they_match(pattern: str, normal: str) -> None:
    assert normal_glob(pattern) == normal


@pytest.mark.parametrize("pattern", ["", "dataset://a/../b", "dataset://a//b*", "dataset://../*", "a/./b"])
def test_a_glob_that_can_never_match_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="matches"):
        normal_glob(pattern)


@given(pattern=st.text(alphabet="aS3:/.*?%2e", max_size=10), resource=RESOURCES)
def test_no_glob_is_refused_that_could_match(pattern: str, resource: str) -> None:
    try:
        normal = normal_resource(resource)
        normal_glob(pattern or "?")
    except NoNormalForm:
        return
    except ValueError:
        assert not compile_glob(pattern)(normal)
