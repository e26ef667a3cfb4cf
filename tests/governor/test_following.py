"""What an engine says of a value's origin stops a call only where it proves something."""

from __future__ import annotations

import pytest

from govflow.governor.conformance import Followed
from govflow.ir.assignment import Fit
from govflow.ir.execution import Hints, Link
from govflow.ir.models import Multiplicity, Plan
from tests.ir import plans

READ = plans.step("f/read#1", parameters=("day",), constants={"day": "today"})
SAME = plans.step("f/same#1", parameters=("rows",))
WRITE = plans.step("f/write#1", parameters=("rows",), multiplicity=Multiplicity.MANY)
PLAN: Plan = plans.plan(READ, SAME, WRITE, edges=(("f/same#1", "f/write#1"),))


def of(name: str) -> frozenset[str]:
    return frozenset({f"f/{name}#1"})


@pytest.mark.parametrize(("source", "proof"), [("read", True), ("same", False)])
def test_only_what_is_given_literals_surely_made_what_it_returns(source: str, proof: bool) -> None:
    assert Followed(Fit(PLAN, Hints())).is_proof(of(source)) is proof


def test_an_edge_that_is_planned_fits_and_another_does_not() -> None:
    followed = Followed(Fit(PLAN, Hints()))
    assert followed.fits(of("same"), of("write"), Link.DATA)
    assert not followed.fits(of("same"), of("write"), Link.ORDER)
    assert not followed.fits(of("read"), of("write"), Link.DATA)
    assert followed.fits(of("read") | of("same"), of("write"), Link.DATA)  # the site does not tell the two apart


def test_a_value_known_by_identity_may_be_shared_where_everything_it_was_made_from_is_known() -> None:
    followed = Followed(Fit(PLAN, Hints(closed={("f/write#1", "rows"): of("same")})))
    assert followed.fits(of("read"), of("write"), Link.DATA, "rows")
    assert not followed.fits(of("read"), of("write"), Link.DATA)  # a future is no coincidence


def test_a_run_without_known_edges_stops_nothing() -> None:
    assert Followed().fits(of("read"), of("write"), Link.DATA)
