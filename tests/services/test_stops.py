"""Every stop has a stable code, and a page that exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.errors import DeployFailed, GovflowError, NotSent, Refused, told
from govflow.services.explain_run import PENDING, page_of

ROOT = Path(__file__).resolve().parents[2]


def _kinds(kind: type[GovflowError]) -> Iterator[type[GovflowError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from _kinds(one)


STOPS_NOTHING = (NotSent, DeployFailed)
"""Errors that no run meets."""
CODES = [
    PENDING,
    *dict.fromkeys(
        kind.code for kind in _kinds(GovflowError) if kind.__module__ == "govflow.errors" and kind not in STOPS_NOTHING
    ),
]


@pytest.mark.covers("B-12")
@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page(code: str) -> None:
    file, _, part = page_of(code).partition("#")
    text = (ROOT / file).read_text()
    assert not part or f"\n### {part}\n" in text
    assert f"\n### {code}\n" in (ROOT / "docs" / "stops.md").read_text(), "the page of stops has them all"


def test_an_error_says_what_is_said_everywhere() -> None:
    error = Refused("It is so.", mend="Do that.")
    assert str(error) == told("It is so.", "refused", "Do that.") == "It is so. [refused] Do that."
