from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.approval.models import RequestState
from govflow.approval.tokens import (
    SECRET_PATTERN,
    TokenCause,
    TokenGrant,
    check_token,
    grant_token,
    mint,
    same_digest,
    token_digest,
)
from govflow.errors import NotEligible, RequestClosed, RequestError, SelfApproval, TokenInvalid
from tests.approval.build import NOBODY, NOW, asked, binding, digest

SECRET, DIGEST = mint(bytes(range(32)))


def granted(**changes: Any) -> TokenGrant:
    return grant_token(asked(), "bob", NOBODY, DIGEST, NOW).model_copy(update=changes)


@given(random=st.binary(min_size=32, max_size=32))
def test_a_token_is_recognisable_and_kept_as_its_hash(random: bytes) -> None:
    secret, kept = mint(random)
    assert SECRET_PATTERN.fullmatch(secret)
    assert kept == "sha256:" + hashlib.sha256(secret.encode()).hexdigest() == token_digest(secret)
    assert secret not in kept


@given(one=st.binary(min_size=32, max_size=32), other=st.binary(min_size=32, max_size=32))
def test_different_bytes_give_different_tokens(one: bytes, other: bytes) -> None:
    assert (mint(one) == mint(other)) is (one == other)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_token_of_less_or_more_than_256_bits_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        mint(bytes(length))


def test_a_pasted_token_may_have_blanks_around_it() -> None:
    assert token_digest(f"  {SECRET}\n") == DIGEST
    assert token_digest(SECRET.upper()) != DIGEST
    assert token_digest(SECRET.removeprefix("gfa_")) != DIGEST


@given(text=st.text())
def test_any_text_has_a_digest(text: str) -> None:
    assert token_digest(text).startswith("sha256:")
    assert same_digest(token_digest(text), token_digest(text))
    assert not same_digest(token_digest(text), DIGEST)


def test_text_with_a_lone_surrogate_has_a_digest() -> None:
    assert token_digest("\ud800") != DIGEST


def test_the_secret_is_not_in_what_is_kept() -> None:
    assert SECRET not in repr(granted()) + granted().model_dump_json()


def test_a_good_token_buys_a_vote() -> None:
    check_token(granted(), binding(), NOW, request_id="req-1", principal="bob")


FOREIGN = {
    TokenCause.TENANT: {"tenant": "other"},
    TokenCause.RUN: {"run_id": "run-2"},
    TokenCause.STEP: {"step_id": "flights/delete#1"},
    TokenCause.IR: {"ir_hash": digest("a")},
    TokenCause.POLICY: {"policy_digest": digest("a")},
    TokenCause.PARAMETERS: {"parameters_digest": digest("a")},
}


def causes() -> dict[TokenCause, TokenInvalid]:
    """One refusal for each way in which a token can be wrong."""
    attempts: dict[TokenCause, tuple[TokenGrant | None, dict[str, Any], dict[str, Any]]] = {
        TokenCause.UNKNOWN: (None, {}, {}),
        TokenCause.USED: (granted(used_at=NOW), {}, {}),
        TokenCause.EXPIRED: (granted(expires_at=NOW), {}, {}),
        TokenCause.REQUEST: (granted(), {}, {"request_id": "req-2"}),
        TokenCause.PRINCIPAL: (granted(), {}, {"principal": "mallory"}),
        **{cause: (granted(), changes, {}) for cause, changes in FOREIGN.items()},
    }
    refusals = {}
    for cause, (grant, changes, presented) in attempts.items():
        with pytest.raises(TokenInvalid) as caught:
            check_token(grant, binding(**changes), NOW, **presented)
        refusals[cause] = caught.value
    return refusals


def test_each_wrong_token_is_refused_and_the_cause_is_kept_for_the_audit_log() -> None:
    refusals = causes()
    assert refusals.keys() == set(TokenCause)
    assert {cause: error.details["cause"] for cause, error in refusals.items()} == {
        cause: cause.value for cause in TokenCause
    }


def test_the_answer_for_unknown_expired_used_and_foreign_tokens_is_one() -> None:
    assert len({(str(error), error.message, error.mend, error.code) for error in causes().values()}) == 1


def test_replayed_token_is_refused() -> None:
    with pytest.raises(TokenInvalid):
        check_token(granted(used_at=NOW - timedelta(seconds=1)), binding(), NOW)


@pytest.mark.parametrize("changes", FOREIGN.values(), ids=list(FOREIGN))
def test_token_of_something_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        check_token(granted(), binding(**changes), NOW)


def test_token_of_another_map_index_is_refused() -> None:
    with pytest.raises(TokenInvalid) as caught:
        check_token(granted(), binding(map_index=0), NOW)
    assert caught.value.details["cause"] == "step"


@pytest.mark.parametrize(("seconds", "good"), [(-1, True), (0, False), (1, False)])
def test_a_token_is_over_at_the_instant(seconds: int, good: bool) -> None:
    now = granted().expires_at + timedelta(seconds=seconds)
    if good:
        check_token(granted(), binding(), now)
        return
    with pytest.raises(TokenInvalid):
        check_token(granted(), binding(), now)


def test_a_token_lives_as_long_as_its_request_and_never_longer() -> None:
    assert granted().expires_at == asked().expires_at == NOW + timedelta(seconds=3600)
    assert grant_token(asked(), "bob", NOBODY, DIGEST, NOW, 60).expires_at == NOW + timedelta(seconds=60)
    assert grant_token(asked(), "bob", NOBODY, DIGEST, NOW, 10**6).expires_at == asked().expires_at


@pytest.mark.parametrize("ttl", [0, -1, 10**12])
def test_a_token_without_a_life_is_refused(ttl: int) -> None:
    with pytest.raises(RequestError):
        grant_token(asked(), "bob", NOBODY, DIGEST, NOW, ttl)


@pytest.mark.parametrize("name", ["alice", "Alice"])
def test_the_requester_gets_no_token(name: str) -> None:
    with pytest.raises(SelfApproval):
        grant_token(asked(), name, NOBODY, DIGEST, NOW)


def test_who_may_not_answer_gets_no_token() -> None:
    with pytest.raises(NotEligible):
        grant_token(asked(1, "role:owner"), "bob", NOBODY, DIGEST, NOW)


def test_a_closed_request_gives_no_tokens() -> None:
    with pytest.raises(RequestClosed):
        grant_token(asked(state=RequestState.APPROVED), "bob", NOBODY, DIGEST, NOW)
    with pytest.raises(RequestClosed):
        grant_token(asked(), "bob", NOBODY, DIGEST, asked().expires_at)
