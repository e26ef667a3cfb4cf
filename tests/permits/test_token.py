"""What counts as a permit, and everything else that does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from govflow.errors import PermitError, PermitExpired, PermitInvalid
from govflow.ir.models import Tier
from govflow.permits.keys import PublicKey, encoded
from govflow.permits.models import MAX_LIFE, Permit, PermittedStep
from govflow.permits.token import AUDIENCE, ISSUER, SKEW, TYPE, mint, verify
from govflow.policy.model import Verdict
from tests.permits.build import DIGEST, KEY, KEYS, NOON, OTHER, a_permit

digests = st.binary(min_size=32, max_size=32).map(lambda data: f"sha256:{data.hex()}")
names = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30)
ids = st.from_regex(r"[A-Za-z0-9._:-]{1,40}", fullmatch=True)
steps = st.dictionaries(
    names,
    st.builds(
        PermittedStep,
        step_hash=digests,
        tier=st.sampled_from(Tier),
        verdict=st.sampled_from(Verdict),
        count=st.none() | st.integers(1, 1000),
        parents=st.lists(names, max_size=3).map(tuple),
    ),
    max_size=4,
)
permits = st.builds(
    a_permit,
    jti=ids,
    run_id=ids,
    tenant=names,
    flow=names,
    ir_hash=digests,
    plan_hash=digests,
    attempt=st.integers(1, 9),
    mode=st.sampled_from(["observe", "enforce"]),
    steps=steps,
)


def checked(token: str, **changed: Any) -> Permit:
    given: dict[str, Any] = {"keys": KEYS, "now": NOON, "run_id": "run-1", "tenant": "acme"}
    return verify(token, **(given | changed))


def cause(token: str, **changed: Any) -> object:
    with pytest.raises(PermitInvalid) as caught:
        checked(token, **changed)
    return caught.value.details["cause"]


def segments(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header and claims as JSON values, and the signature as it stands."""
    head, body, signature = token.split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body))
    return header, claims, signature


def signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token with exactly that header and those claims, under a signature that is right."""
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{encoded(KEY.signer().sign(text.encode()))}"


@given(permits)
def test_what_was_signed_comes_back(permit: Permit) -> None:
    assert checked(mint(permit, KEY), run_id=permit.run_id, tenant=permit.tenant) == permit
    assert mint(permit, KEY) == mint(permit, KEY)


@given(permits, st.data())
def test_no_changed_letter_counts(permit: Permit, data: st.DataObject) -> None:
    token = mint(permit, KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_.=/+ "))
    if token[place] != letter:
        with pytest.raises(PermitError):
            checked(token[:place] + letter + token[place + 1 :], run_id=permit.run_id, tenant=permit.tenant)


@given(st.text(max_size=80) | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_garbage_is_refused_and_nothing_else_happens(garbage: str) -> None:
    with pytest.raises(PermitInvalid):
        checked(garbage)


def test_a_permit_of_another_key_is_refused() -> None:
    assert cause(mint(a_permit(), OTHER)) == "key"


def test_another_key_under_a_known_name_is_refused() -> None:
    header, claims, _ = segments(mint(a_permit(), OTHER))
    text = ".".join(encoded(json.dumps(part).encode()) for part in ({**header, "kid": KEY.kid}, claims))
    assert cause(f"{text}.{encoded(OTHER.signer().sign(text.encode()))}") == "signature"


def test_a_key_that_the_token_brings_along_does_not_count() -> None:
    header, claims, _ = segments(mint(a_permit(), OTHER))
    for extra in ({"jwk": OTHER.public.to_jwk()}, {"jku": "http://127.0.0.1/"}, {"x5u": "x"}, {"crit": ["exp"]}):
        assert cause(signed({**header, "kid": KEY.kid, **extra}, claims)) == "header"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "ES256", "RS256", "Ed25519", "", None])
def test_no_other_algorithm_counts(algorithm: str | None) -> None:
    header, claims, _ = segments(mint(a_permit(), KEY))
    assert cause(signed({**header, "alg": algorithm}, claims)) == "header"


def test_an_unsigned_token_is_refused() -> None:
    header, claims, _ = segments(mint(a_permit(), KEY))
    text = ".".join(encoded(json.dumps(part).encode()) for part in ({**header, "alg": "none"}, claims))
    assert cause(f"{text}.") == "header"
    head, body, _ = mint(a_permit(), KEY).split(".")
    assert cause(f"{head}.{body}.") == "signature"


@pytest.mark.parametrize("secret", ["raw", "pem"])
def test_the_public_key_taken_for_a_shared_secret_is_refused(secret: str) -> None:
    raw = KEY.public.raw
    if secret == "pem":
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        raw = KEY.public.verifier().public_bytes(serialization.Encoding.PEM, form)
    for algorithm in ("HS256", "EdDSA"):
        header, claims, _ = segments(mint(a_permit(), KEY))
        text = ".".join(encoded(json.dumps(part).encode()) for part in ({**header, "alg": algorithm}, claims))
        forged = f"{text}.{encoded(hmac.new(raw, text.encode(), hashlib.sha256).digest())}"
        assert cause(forged) in {"header", "signature"}


def test_ed448_signs_with_the_same_name_of_algorithm_and_does_not_count() -> None:
    header, claims, _ = segments(mint(a_permit(), KEY))
    token = jwt.encode(claims, Ed448PrivateKey.generate(), "EdDSA", headers=header)
    assert cause(token) == "signature"


def test_padded_base64_that_pyjwt_would_take_is_refused() -> None:
    token = mint(a_permit(), KEY)
    padded = token + "=" * (-len(token.rpartition(".")[2]) % 4)
    assert padded != token
    jwt.decode(padded, KEY.public.verifier(), ["EdDSA"], audience=AUDIENCE, options={"verify_exp": False})
    assert cause(padded) == "form"


def test_the_spare_bits_of_the_last_letter_are_not_free() -> None:
    head, body, signature = mint(a_permit(), KEY).split(".")  # 64 bytes leave four bits over
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(signature[-1]) + 1]
    assert cause(f"{head}.{body}.{signature[:-1]}{other}") == "form"


def test_a_permit_ends_at_its_second() -> None:
    token = mint(a_permit(), KEY)
    end = a_permit().expires_at
    assert checked(token, now=end - timedelta(microseconds=1)).jti == "permit-1"
    with pytest.raises(PermitExpired, match="ended at 2026-03-01 12:15:00 UTC"):
        checked(token, now=end)


def test_a_permit_from_later_is_refused_but_for_the_skew_of_clocks() -> None:
    token = mint(a_permit(), KEY)
    assert checked(token, now=NOON - SKEW).jti == "permit-1"
    assert cause(token, now=NOON - SKEW - timedelta(seconds=1)) == "not-yet"


def test_a_permit_of_another_run_or_tenant_is_refused() -> None:
    token = mint(a_permit(), KEY)
    assert cause(token, run_id="run-2") == "other-run"
    assert cause(token, tenant="other") == "other-run"


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "steps", "plan_hash", "mode"])
def test_every_claim_is_required(claim: str) -> None:
    header, claims, _ = segments(mint(a_permit(), KEY))
    del claims[claim]
    assert cause(signed(header, claims)) in {"claims", "signature"}


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "someone"},
        {"aud": "someone"},
        {"aud": [AUDIENCE]},
        {"iss": [ISSUER]},
        {"sub": 7},
        {"iat": "now"},
        {"iat": True},
        {"exp": 1e9},
        {"exp": 10**20},
        {"nbf": 0},
        {"more": 1},
        {"tier": 3},
        {"mode": "off"},
        {"attempt": 0},
        {"ir_hash": "sha256:00"},
        {"steps": {"load#1": {"step_hash": DIGEST, "tier": 9, "verdict": "pass", "count": 1, "parents": []}}},
        {"steps": []},
        {"exp": int((NOON + MAX_LIFE).timestamp()) + 1},
        {"exp": int(NOON.timestamp())},
    ],
)
def test_a_signed_token_that_says_something_else_is_refused(changed: dict[str, Any]) -> None:
    header, claims, _ = segments(mint(a_permit(), KEY))
    assert cause(signed(header, {**claims, **changed})) in {"claims", "signature"}


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", None])
def test_a_token_of_another_kind_by_the_same_key_is_refused(typ: str | None) -> None:
    header, claims, _ = segments(mint(a_permit(), KEY))
    assert header["typ"] == TYPE
    assert cause(signed({**header, "typ": typ}, claims)) == "header"


def test_a_key_that_signs_no_more_is_trusted_until_its_end() -> None:
    token = mint(a_permit(), KEY)
    keys = {KEY.kid: PublicKey(KEY.public.raw, a_permit().expires_at)}
    assert checked(token, keys=keys).jti == "permit-1"
    assert cause(token, keys={KEY.kid: PublicKey(KEY.public.raw, NOON)}) == "key"


def test_a_refusal_quotes_nothing_of_the_token() -> None:
    token = mint(a_permit(), OTHER)
    with pytest.raises(PermitInvalid) as caught:
        checked(token)
    assert not any(part in repr(caught.value) + str(caught.value.details) for part in token.split("."))


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-5), MAX_LIFE + timedelta(seconds=1)])
def test_no_permit_lives_for_longer_than_a_day_or_not_at_all(life: timedelta) -> None:
    with pytest.raises(ValidationError, match="at most a day"):
        a_permit(expires_at=NOON + life)
