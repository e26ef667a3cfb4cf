from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from govflow.approval.models import MOVES, RequestState
from govflow.approval.moves import is_final, move
from govflow.errors import RequestClosed

PENDING, APPROVED = RequestState.PENDING, RequestState.APPROVED
FINAL = {RequestState.EXERCISED, RequestState.DENIED, RequestState.EXPIRED, RequestState.REVOKED, RequestState.VOIDED}

# Written out once more, so that a move added by accident fails here.
EXPECTED = {
    *((PENDING, to) for to in (APPROVED, *(FINAL - {RequestState.EXERCISED}))),
    *((APPROVED, to) for to in (FINAL - {RequestState.DENIED})),
}


@pytest.mark.parametrize("state", [*RequestState])
@pytest.mark.parametrize("to", [*RequestState])
@pytest.mark.covers("S5-32")
def test_only_named_moves_exist(state: RequestState, to: RequestState) -> None:
    if (state, to) in EXPECTED:
        assert move(state, to) is to
        return
    with pytest.raises(RequestClosed) as caught:
        move(state, to)
    assert caught.value.details == {"state": state.value, "to": to.value}


def test_every_state_has_its_moves() -> None:
    assert MOVES.keys() == set(RequestState)
    assert {state for state in RequestState if is_final(state)} == FINAL


class Life(RuleBasedStateMachine):
    """Tries every move in any order: what happens is a path of named moves, and it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.path = [PENDING]

    @rule(to=st.sampled_from(RequestState))
    def attempt(self, to: RequestState) -> None:
        before = self.path[-1]
        try:
            self.path.append(move(before, to))
        except RequestClosed:
            assert (before, to) not in EXPECTED

    @precondition(lambda self: is_final(self.path[-1]))
    @rule(to=st.sampled_from(RequestState))
    def nothing_follows_the_end(self, to: RequestState) -> None:
        with pytest.raises(RequestClosed):
            move(self.path[-1], to)

    @invariant()
    def every_step_was_a_named_move(self) -> None:
        assert all(pair in EXPECTED for pair in zip(self.path, self.path[1:], strict=False))
        assert len(self.path) <= 3
        assert len(set(self.path)) == len(self.path)

    @invariant()
    def nothing_is_exercised_that_was_not_approved(self) -> None:
        if RequestState.EXERCISED in self.path:
            assert self.path[-2] is APPROVED


TestLife = Life.TestCase
