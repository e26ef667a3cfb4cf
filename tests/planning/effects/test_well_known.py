"""Calls that everybody knows, and what the catalogue says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from govflow.planning.effects.catalogue import Catalogue

TABLE = Path(__file__).with_name("well_known.txt")
ROWS = [
    tuple(cell.strip() for cell in line.split("|"))
    for line in TABLE.read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def said(catalogue: Catalogue, callee: str) -> tuple[str, str, str]:
    call = catalogue.find(callee)
    if call is None:
        return "harmless" if catalogue.is_harmless(callee) else "unknown", "", ""
    if call.effect_none:
        return "none", "", ""
    return f"{call.action or call.reads} {call.method}".strip(), call.provider, call.resource


@pytest.mark.parametrize(("callee", "what", "provider", "resource"), ROWS, ids=[row[0] for row in ROWS])
def test_a_well_known_call(callee: str, what: str, provider: str, resource: str) -> None:
    assert said(Catalogue.default(), callee) == (what, provider, resource)


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    """Families are read when they are needed: one that has read nothing says what one says that has read all."""
    from govflow.planning.effects.catalogue.shipped import Shipped

    for callee, *expected in ROWS[:: max(1, len(ROWS) // 40)]:
        fresh = Catalogue(Shipped(), (), ())
        assert said(fresh, callee) == tuple(expected)


def test_most_families_stay_unread() -> None:
    from govflow.planning.effects.catalogue.shipped import Shipped

    shipped = Shipped()
    catalogue = Catalogue(shipped, (), ())
    assert shipped.read == frozenset()
    for callee in ("print", "requests.post", "prefect.get_run_logger", "acme.send"):
        said(catalogue, callee)
    assert shipped.read == {"any-receiver", "harmless", "http", "prefect"}
