"""Tokens of other systems: what counts, and every attack on them that we know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from govflow.identity.jwk_sets import issuer_keys
from govflow.identity.jwt_claims import LEEWAY, IssuerRules, JwtRefused, verified_claims
from tests.identity.tokens import (
    AUDIENCE,
    EC_KEY,
    ED_KEY,
    ISSUER,
    JWKS,
    NOW,
    OTHER_RSA,
    RSA_KEY,
    STAMP,
    claims,
    jwk,
    part,
    signed_with_the_public_key,
    token,
    unsigned,
)

ALL = ("RS256", "PS256", "ES256", "EdDSA")


def verify(text: str, *, algorithms: tuple[str, ...] = ALL, keys: Any = None) -> dict[str, Any]:
    known = issuer_keys(keys or JWKS)
    return verified_claims(
        text, lambda iss: IssuerRules(AUDIENCE, algorithms, lambda _: known) if iss == ISSUER else None, NOW
    )


def cause(text: str, **more: Any) -> str:
    with pytest.raises(JwtRefused) as refused:
        verify(text, **more)
    return refused.value.cause


@pytest.mark.covers("S4-06")
@pytest.mark.parametrize(
    ("key", "alg", "kid"),
    [(RSA_KEY, "RS256", "rsa"), (RSA_KEY, "PS256", "rsa"), (EC_KEY, "ES256", "ec"), (ED_KEY, "EdDSA", "ed")],
)
def test_a_token_of_a_known_issuer_counts(key: Any, alg: str, kid: str) -> None:
    assert verify(token(key=key, alg=alg, kid=kid))["sub"] == "bot"


def test_an_audience_among_several_counts() -> None:
    assert verify(token(claims(aud=["other", AUDIENCE])))["aud"] == ["other", AUDIENCE]


@pytest.mark.covers("S4-06")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(alg: str) -> None:
    assert cause(unsigned(alg=alg)) in {"algorithm", "form"}
    assert cause(unsigned(alg=alg) + part(b"x")) == "algorithm"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_the_public_key_as_a_shared_secret_is_refused(alg: str) -> None:
    """Even where somebody has configured it: the key is no key for it."""
    assert cause(signed_with_the_public_key(alg)) == "algorithm"
    assert cause(signed_with_the_public_key(alg), algorithms=(*ALL, alg)) == "algorithm"


def test_an_algorithm_that_the_issuer_does_not_use_is_refused() -> None:
    assert cause(token(alg="PS256"), algorithms=("RS256",)) == "algorithm"
    assert cause(token(alg="RS256"), keys={"keys": [jwk(RSA_KEY, "rsa", alg="PS256")]}) == "algorithm"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "another"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": AUDIENCE.upper()}, "audience"),
        ({"iss": "https://evil.example.org"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"exp": None}, "claims"),
        ({"exp": STAMP - 30}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": "tomorrow"}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": 1e300}, "claims"),
        ({"exp": -1}, "claims"),
        ({"nbf": STAMP + 31}, "not-yet"),
        ({"nbf": "now"}, "claims"),
        ({"iat": STAMP + 31}, "not-yet"),
    ],
)
def test_a_token_for_somebody_else_or_another_time_is_refused(changed: dict[str, Any], why: str) -> None:
    assert cause(token(claims(**changed))) == why


@pytest.mark.parametrize("issuer", [[ISSUER], 7, {"iss": ISSUER}])
def test_an_issuer_that_is_no_text_is_refused(issuer: Any) -> None:
    head, _body, signature = token().split(".")
    assert cause(f"{head}.{part({**claims(), 'iss': issuer})}.{signature}") == "issuer"


def test_clocks_may_differ_by_thirty_seconds() -> None:
    assert timedelta(seconds=30) == LEEWAY
    assert verify(token(claims(exp=STAMP - 29, nbf=STAMP + 30, iat=STAMP + 30)))


def test_a_token_of_another_key_is_refused() -> None:
    assert cause(token(key=OTHER_RSA)) == "signature"


@pytest.mark.parametrize("kid", ["ec", "ed"])
def test_naming_a_key_of_another_kind_is_refused(kid: str) -> None:
    assert cause(token(kid=kid)) == "algorithm"


@pytest.mark.parametrize("kid", ["nobody", "", "../rsa", "rsa\x00", "RSA", "' OR 1=1 --"])
def test_a_key_that_is_not_the_issuers_is_refused(kid: str) -> None:
    assert cause(token(kid=kid)) == "key"


@pytest.mark.parametrize("kid", [None, 1, ["rsa"], {"rsa": 1}])
def test_a_key_name_that_is_no_text_is_refused(kid: Any) -> None:
    whole = f"{part({'alg': 'RS256', 'kid': kid})}.{token().split('.')[1]}.{token().split('.')[2]}"
    assert cause(whole) == "key"


def test_without_a_name_only_the_one_key_there_is_counts() -> None:
    nameless = token(kid=None)
    assert cause(nameless) == "key"
    assert verify(nameless, keys={"keys": [jwk(RSA_KEY, None)]})


def test_a_key_that_a_token_brings_along_is_not_taken() -> None:
    own = token(key=OTHER_RSA, jwk=jwk(OTHER_RSA, "rsa"), jku="https://evil.example.org/jwks", x5u="https://evil")
    assert cause(own) == "signature"


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}, {"b64": True}])
def test_extensions_that_nobody_understands_are_refused(header: dict[str, Any]) -> None:
    _head, body, signature = token().split(".")
    assert cause(f"{part({'alg': 'RS256', 'kid': 'rsa', **header})}.{body}.{signature}") == "header"


@pytest.mark.parametrize("typ", ["govflow-permit+jwt", "logout+jwt", "dpop+jwt", 7])
def test_a_token_made_for_another_use_is_refused(typ: Any) -> None:
    _head, body, signature = token().split(".")
    assert cause(f"{part({'alg': 'RS256', 'kid': 'rsa', 'typ': typ})}.{body}.{signature}") == "type"


def test_no_other_spelling_of_a_token_counts() -> None:
    good = token()
    head, body, signature = good.split(".")
    padded = [f"{head}=.{body}.{signature}", f"{head}.{body}.{signature}=", f"{head}.{body}.{signature}=="]
    spaced = [f" {good}", f"{good}\n", f"{head}. {body}.{signature}", good + ".", f"{head}.{body}", "", "..", "a.b.c"]
    for text in padded + spaced:
        assert cause(text) == "form"


def test_a_token_like_a_book_is_refused() -> None:
    assert cause(token(claims(note="x" * 20_000))) == "form"
    assert cause(f"{part(b'[' * 9000)}.{part(claims())}.{part(b'x')}") == "form"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "no JWK set"),
        ([], "no JWK set"),
        ({"keys": []}, "no key"),
        ({"keys": ["x"]}, "not an object"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "private or shared"),
        ({"keys": [{**jwk(RSA_KEY, "rsa"), "d": "AQAB"}]}, "private or shared"),
        ({"keys": [jwk(RSA_KEY, "a"), jwk(OTHER_RSA, "a")]}, "one 'kid'"),
        ({"keys": [jwk(RSA_KEY, None), jwk(OTHER_RSA, None)]}, "one 'kid'"),
        ({"keys": [jwk(RSA_KEY, "a", alg="HS256")]}, "not of its kind"),
        ({"keys": [jwk(RSA_KEY, "a", alg="ES256")]}, "not of its kind"),
        ({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}, "cannot be read"),
        ({"keys": [{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}]}, "of this kind"),
        ({"keys": [jwk(RSA_KEY, "a", use="enc")]}, "no key"),
        ({"keys": [{**jwk(RSA_KEY, None), "kid": 7}]}, "not text"),
    ],
)
def test_a_key_set_that_cannot_be_trusted_is_refused(document: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        issuer_keys(document)


def test_a_short_rsa_key_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    short = rsa.generate_private_key(65537, 1024)
    with pytest.raises(ValueError, match="2048 bits"):
        issuer_keys({"keys": [jwk(short, "a")]})
