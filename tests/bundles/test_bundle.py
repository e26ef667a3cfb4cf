"""A bundle that counts loads as the files did; anything else is refused before its policy is read."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from govflow.audit.dsse import encoding
from govflow.bundles import open_bundle
from govflow.bundles.envelope import PAYLOAD_TYPE
from govflow.errors import PolicyError, PolicyUnsigned
from govflow.ir.canonical import canonical
from govflow.permits.keys import PublicKey, encoded
from govflow.policy import load_policy
from tests.bundles.signed import (
    CAROL,
    COMPANY,
    FILES,
    KEYS,
    MALLORY,
    NOON,
    POLICY,
    WHERE,
    a_bundle,
    envelope_of,
    payload_of,
    resigned,
    signed_over,
)


def refused(text: str, keys: Any = KEYS, now: Any = NOON) -> str:
    """Why the bundle does not count: the stable word."""
    with pytest.raises(PolicyUnsigned) as caught:
        open_bundle(text, WHERE, keys, now)
    assert caught.value.mend
    return str(caught.value.details["cause"])


def test_a_bundle_holds_the_policy_of_its_files() -> None:
    signed = open_bundle(a_bundle(), WHERE, KEYS, NOON)
    folder = {"teams/data.yaml": FILES["teams/data.yaml"], "../../company.yaml": COMPANY}
    plain = load_policy(POLICY, "policy.yaml", importer=lambda name, where: (name, folder[name]))
    assert signed.document.digest == plain.digest
    assert [rule.name for rule in signed.document.policy.rules] == ["company", "no-drop", "reads"]
    assert (signed.made_by, signed.made_at, signed.kid) == ("carol", NOON, CAROL.kid)
    assert signed.files == tuple(FILES)
    assert signed.document.where == WHERE


def test_comments_are_in_it() -> None:
    assert "everybody may look" in payload_of(a_bundle())["files"][0]["text"]


def test_the_encoding_that_is_signed_is_that_of_dsse() -> None:
    """The example of the protocol's own text."""
    assert encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_same_policy_key_and_time_give_the_same_bundle() -> None:
    assert a_bundle() == a_bundle()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_bundle_is_refused(share: float) -> None:
    text = a_bundle()
    assert refused(text[: int(len(text) * share)]) == "form"


def test_no_changed_letter_of_a_bundle_counts() -> None:
    """Every letter of the envelope's values, at random places: none may change what is loaded."""
    good, random = envelope_of(a_bundle()), Random(1)
    for _ in range(300):
        text = json.dumps(good)
        place = random.randrange(len(text))
        letter = random.choice('ABCxyz019+/="}{ ,')
        changed = text[:place] + letter + text[place + 1 :]
        try:
            same = json.loads(changed) == good
        except ValueError:
            same = False
        if not same:
            refused(changed)


def test_an_altered_policy_is_refused() -> None:
    envelope = envelope_of(a_bundle())
    payload = payload_of(a_bundle())
    payload["files"][0]["text"] = POLICY.replace("data:read", "*")
    envelope["payload"] = base64.b64encode(canonical(payload)).decode()
    assert refused(json.dumps(envelope)) == "signature"


def test_a_signature_of_another_bundle_is_refused() -> None:
    envelope = envelope_of(a_bundle())
    envelope["signatures"] = envelope_of(a_bundle(made_by="dave"))["signatures"]
    assert refused(json.dumps(envelope)) == "signature"


def test_an_unknown_key_is_refused() -> None:
    assert refused(a_bundle(key=MALLORY)) == "key"


def test_another_key_under_a_trusted_name_is_refused() -> None:
    envelope = envelope_of(a_bundle(key=MALLORY))
    envelope["signatures"][0]["keyid"] = CAROL.kid
    assert refused(json.dumps(envelope)) == "signature"


def test_a_key_that_the_bundle_brings_along_is_not_used() -> None:
    envelope = envelope_of(a_bundle(key=MALLORY))
    envelope["signatures"][0]["jwk"] = MALLORY.public.to_jwk()
    assert refused(json.dumps(envelope)) == "form"


def test_a_key_that_is_trusted_no_more_is_refused() -> None:
    retired = {CAROL.kid: PublicKey(CAROL.public.raw, NOON)}
    assert refused(a_bundle(), keys=retired) == "key"
    signed = open_bundle(a_bundle(), WHERE, retired, NOON - timedelta(seconds=1))
    assert signed.ends_at == NOON


def test_an_expired_bundle_is_refused_from_that_moment_on() -> None:
    ends = NOON + timedelta(days=1)
    text = a_bundle(expires_at=ends)
    assert open_bundle(text, WHERE, KEYS, ends - timedelta(seconds=1)).ends_at == ends
    assert refused(text, now=ends) == "expired"


def test_a_signature_over_another_type_is_refused() -> None:
    payload = canonical(payload_of(a_bundle()))
    other = "application/vnd.in-toto+json"
    assert refused(signed_over(payload, kind=other)) == "type"
    assert refused(signed_over(payload, kind=other, payloadType=PAYLOAD_TYPE)) == "signature"


def test_a_signature_over_the_payload_alone_is_refused() -> None:
    payload = canonical(payload_of(a_bundle()))
    bare = base64.b64encode(CAROL.signer().sign(payload)).decode()
    assert refused(signed_over(payload, signatures=[{"keyid": CAROL.kid, "sig": bare}])) == "signature"


def test_the_public_key_taken_for_a_shared_secret_signs_no_policy() -> None:
    payload = canonical(payload_of(a_bundle()))
    for secret in (CAROL.public.raw, encoded(CAROL.public.raw).encode()):
        tag = base64.b64encode(hmac.new(secret, encoding(PAYLOAD_TYPE, payload), sha256).digest()).decode()
        assert refused(signed_over(payload, signatures=[{"keyid": CAROL.kid, "sig": tag}])) == "signature"


@pytest.mark.parametrize("alg", ["none", "HS256", "EdDSA"])
def test_a_bundle_does_not_choose_its_algorithm(alg: str) -> None:
    payload = canonical(payload_of(a_bundle()))
    good = envelope_of(signed_over(payload))["signatures"][0]
    assert refused(signed_over(payload, signatures=[{**good, "alg": alg}])) == "form"


@pytest.mark.parametrize("signatures", [[], [{}], {}, None, ["x"]])
def test_a_bundle_without_a_signature_is_refused(signatures: object) -> None:
    assert refused(signed_over(b"{}", signatures=signatures)) == "form"


def test_two_signatures_are_refused_whatever_they_are() -> None:
    envelope = envelope_of(a_bundle())
    envelope["signatures"] *= 2
    assert refused(json.dumps(envelope)) == "form"


def test_a_name_that_stands_twice_is_refused() -> None:
    text = a_bundle()
    twice = text.replace('"payloadType"', '"payloadType": "x", "payloadType"', 1)
    assert refused(twice) == "form"
    inside = canonical(payload_of(text)).replace(b'"format":1', b'"format":1,"format":1')
    assert refused(signed_over(inside)) == "format"


def test_base64_of_another_spelling_is_refused() -> None:
    envelope = envelope_of(a_bundle())
    sig = envelope["signatures"][0]["sig"]
    for other in (sig.rstrip("="), sig + "\n", sig.replace("+", "-").replace("/", "_").rstrip("=")):
        envelope["signatures"][0]["sig"] = other
        assert refused(json.dumps(envelope)) == "form"


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_another_format_is_refused_though_it_is_signed(version: object) -> None:
    assert refused(resigned(lambda payload: payload.update(format=version))) == "format"


def _drop_digest(payload: dict[str, Any]) -> None:
    del payload["digest"]


def _other_digest(payload: dict[str, Any]) -> None:
    payload["digest"] = "sha256:" + "0" * 64


def _file_twice(payload: dict[str, Any]) -> None:
    payload["files"].append(payload["files"][1])


def _stowaway(payload: dict[str, Any]) -> None:
    payload["files"].append({"path": "more.yaml", "text": COMPANY})


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (_drop_digest, "format"),
        (_other_digest, "digest"),
        (_file_twice, "files"),
        (_stowaway, "files"),
        (lambda payload: payload.update(more=1), "format"),
        (lambda payload: payload.update(made_at="2026-11-22T12:00:00"), "format"),
        (lambda payload: payload.update(files=[]), "format"),
        (lambda payload: payload.update(made_by=""), "format"),
    ],
)
def test_what_a_trusted_key_signed_is_checked_too(change: Callable[[dict[str, Any]], None], cause: str) -> None:
    assert refused(resigned(change)) == cause


def test_a_signed_policy_that_cannot_be_used_is_refused_where_it_is_wrong() -> None:
    def misspell(payload: dict[str, Any]) -> None:
        payload["files"][2]["text"] = COMPANY.replace("effect", "efect")

    with pytest.raises(PolicyError, match=r"policy\.bundle\.json: \.\./company\.yaml:2: .*efect"):
        open_bundle(resigned(misspell), WHERE, KEYS, NOON)


def test_a_signed_policy_that_imports_what_is_not_in_it_is_refused() -> None:
    def lose(payload: dict[str, Any]) -> None:
        del payload["files"][2]

    with pytest.raises(PolicyError, match="does not hold it"):
        open_bundle(resigned(lose), WHERE, KEYS, NOON)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '"x"', POLICY, "[" * 100_000, "\0"])
def test_what_is_no_bundle_is_refused(text: str) -> None:
    assert refused(text) == "form"


def test_without_keys_nothing_counts() -> None:
    assert refused(a_bundle(), keys={}) == "key"


def test_a_file_by_an_absolute_path_is_not_bundled() -> None:
    with pytest.raises(PolicyError, match="no path of one machine"):
        a_bundle({"policy.yaml": POLICY.replace("teams/data.yaml", "/etc/company.yaml")})


def test_where_a_bundle_lies_is_no_part_of_its_digest() -> None:
    signed = open_bundle(a_bundle(), WHERE, KEYS, NOON)
    assert replace(signed.document, where="x").digest == open_bundle(a_bundle(), "y", KEYS, NOON).document.digest
