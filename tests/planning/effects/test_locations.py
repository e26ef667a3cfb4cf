"""Paths as resources: each has a normal form, and what lies beside the code is source."""

from __future__ import annotations

import pytest

from govflow.planning.effects.http import address
from govflow.planning.effects.locations import is_own_text, location
from govflow.planning.effects.texts import TREE, Parts
from govflow.policy.globs import normal_resource
from tests.planning.effects.doing import plan_of, told


@pytest.mark.parametrize(
    ("parts", "resource"),
    [
        (("out/a.csv",), "file://out/a.csv"),
        (("out/./x/../a.csv",), "file://out/a.csv"),
        (("../data/.a.csv",), "file://{?}/data/.a.csv"),
        (("..",), "file://{?}"),
        (("/var/../etc/passwd",), "file:///etc/passwd"),
        ((None, "/../a.csv"), "file://{?}/a.csv"),
        ((f"{TREE}sql/q.sql",), "file://{?}/sql/q.sql"),
    ],
)
def test_a_path_that_climbs_out_leads_to_a_place_that_is_not_known(parts: Parts, resource: str) -> None:
    found = location(parts, lambda path: f"../{path}")
    assert found == ("filesystem", resource)
    normal_resource(resource)  # raises for a resource that no rule could be matched with


def test_a_file_beside_the_code_is_source_when_it_is_read_and_a_file_when_it_is_written() -> None:
    assert is_own_text((f"{TREE}q.sql",)) and not is_own_text((f"{TREE}", None)) and not is_own_text(("q.sql",))
    made = plan_of(
        """
        from pathlib import Path
        from prefect import flow

        HERE = Path(__file__).parent

        @flow
        def main(name):
            (HERE / "q.sql").read_text()
            open(HERE / "q.sql").read()
            (HERE / "seen.txt").write_text("x")
            (HERE / name).read_text()
        """
    )
    assert told(made.step("main")) == ["file:write filesystem file://seen.txt", "file:read filesystem file://{?}"]


@pytest.mark.parametrize(
    ("written", "resource"),
    [
        ("https://h.com.:443/x", "https://h.com/x"),
        ("HTTPS://H.Com/X", "https://h.com/X"),
        ("http://h.com:80", "http://h.com"),
        ("https://h.com:80/x", "https://h.com:80/x"),
        ("https://h.com:/x", "https://h.com/x"),
        ("https://b\u00fccher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://[::1]:443/x", "https://[::1]/x"),
        ("https://[::1]/x", "https://[::1]/x"),
        ("s3://Bucket./x", "s3://Bucket./x"),
    ],
)
def test_a_host_has_one_spelling(written: str, resource: str) -> None:
    assert location((written,), lambda path: path)[1] == resource
    assert normal_resource(resource) == resource
    assert "://" in address((written,)) and address((written,)) == resource


def test_a_part_of_a_host_that_is_not_known_stays() -> None:
    assert address(("https://", None, ".H.com:443/x")) == "https://{?}.h.com/x"
    assert address(("https://h.com:", None, "/x")) == "https://h.com:{?}/x"
