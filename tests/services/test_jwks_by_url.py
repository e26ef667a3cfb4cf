"""Keys that an issuer publishes at an address: what is fetched, kept and refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from govflow.errors import SettingsError
from govflow.identity import PrincipalKind
from govflow.identity.jwt_claims import JwtRefused
from govflow.services import jwks_by_url
from govflow.services.check_sign_in import ways_in
from govflow.services.fetch_document import FetchRefused, fetch_document
from govflow.services.jwks_by_url import LIFE, PAUSE, KeysAtAddress
from govflow.services.manage_people import add_principal
from govflow.services.sign_in import bearer_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.identity.tokens import (
    AUDIENCE,
    EC_KEY,
    ISSUER,
    JWKS,
    NOW,
    OTHER_RSA,
    RSA_KEY,
    claims,
    jwk,
    signed_with_the_public_key,
    token,
)
from tests.services.lying_servers import Server, goes, says, server

SECOND = timedelta(seconds=1)
OLD, NEW = {"keys": [jwk(RSA_KEY, "rsa")]}, {"keys": [jwk(OTHER_RSA, "new")]}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port may be another server's in the next test."""
    monkeypatch.setattr(jwks_by_url, "_known", {})


@pytest.fixture
def there() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, there: Server) -> Iterator[Workspace]:
    there.answers["/jwks"] = says(JWKS)
    issuer = {"audience": AUDIENCE, "algorithms": ["RS256", "ES256"], "jwks_url": f"{there.address}/jwks"}
    opened = open_workspace(load_settings(database_url=f"sqlite:///{tmp_path}/gov.db", jwt_issuers={ISSUER: issuer}))
    add_principal(opened, "bot", "root", NOW, kind=PrincipalKind.MACHINE)
    yield opened
    opened.close()


def counts(place: Workspace, text: str, later: timedelta = timedelta(0)) -> bool:
    lasting = claims(exp=int((NOW + timedelta(days=1)).timestamp()))
    presented = token(lasting) if text == "good" else text
    return bearer_principal(place, f"Bearer {presented}", NOW + later) is not None


def test_a_machine_signs_in_with_keys_from_an_address_that_is_asked_once(place: Workspace, there: Server) -> None:
    assert all(counts(place, "good", number * SECOND) for number in range(5))
    assert counts(place, token(key=EC_KEY, alg="ES256", kid="ec"))
    assert there.asked == ["/jwks"]


def test_forged_tokens_do_not_count_with_these_keys_either(place: Workspace, there: Server) -> None:
    there.answers["/mine"] = says({"keys": [jwk(OTHER_RSA, "mine")]})
    assert not counts(place, signed_with_the_public_key())
    assert not counts(place, token(key=OTHER_RSA))
    assert not counts(place, token(alg="PS256"))
    assert not counts(place, token(key=OTHER_RSA, kid="mine", jku=f"{there.address}/mine"))
    assert "/mine" not in there.asked, "nothing in a token says where keys are"


def held(*answers: Any) -> tuple[KeysAtAddress, list[int]]:
    """Keys of an address that gives these, one after the other; and how often it was asked."""
    asked: list[int] = []

    def fetch() -> bytes:
        asked.append(1)
        found = answers[min(len(asked), len(answers)) - 1]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, bytes) else json.dumps(found).encode()

    return KeysAtAddress(fetch), asked


def kids(keys: KeysAtAddress, kid: str | None, later: timedelta) -> list[str | None]:
    return [key.kid for key in keys.keys(kid, NOW + later)]


def test_a_new_key_counts_at_once_and_an_old_one_no_more() -> None:
    keys, asked = held(OLD, NEW)
    assert kids(keys, "rsa", timedelta(0)) == ["rsa"]
    assert kids(keys, "new", PAUSE) == ["new"]
    assert kids(keys, "rsa", PAUSE + SECOND) == ["new"]
    assert len(asked) == 2


def test_a_key_that_was_taken_out_counts_no_longer_than_the_keys_are_kept() -> None:
    keys, _ = held(OLD, NEW)
    assert kids(keys, "rsa", timedelta(0)) == kids(keys, "rsa", LIFE - SECOND) == ["rsa"]
    assert kids(keys, "rsa", LIFE) == ["new"]


def test_made_up_names_of_keys_do_not_make_us_ask_more_often() -> None:
    keys, asked = held(OLD)
    for number in range(50):
        assert kids(keys, f"k{number}", number * SECOND) == ["rsa"]
    assert len(asked) == 1
    kids(keys, "k", PAUSE)
    assert len(asked) == 2


def test_keys_that_are_old_and_cannot_be_fetched_do_not_count_and_nobody_is_pressed() -> None:
    keys, asked = held(OLD, FetchRefused("it answers 500"))
    assert kids(keys, "rsa", timedelta(0)) == ["rsa"]
    for later in (LIFE, LIFE + SECOND, LIFE + PAUSE - SECOND):
        with pytest.raises(JwtRefused, match="keys"):
            kids(keys, "rsa", later)
    assert len(asked) == 2


def test_a_clock_that_was_set_back_keeps_no_key_alive() -> None:
    keys, asked = held(OLD, NEW)
    kids(keys, "rsa", timedelta(hours=5))
    assert kids(keys, "rsa", timedelta(0)) == ["new"]
    assert len(asked) == 2


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa", "alg": "HS256"}]},
        {"keys": [{**jwk(RSA_KEY, "rsa"), "d": "AQAB"}]},
        {"keys": [jwk(RSA_KEY, "rsa"), jwk(OTHER_RSA, "rsa")]},
        {"keys": [{**jwk(RSA_KEY, "rsa"), "alg": "ES256"}]},
        {"keys": [jwk(RSA_KEY, f"k{number}") for number in range(101)]},
    ],
    ids=lambda one: ascii(one)[:30],
)
def test_what_is_no_set_of_public_keys_makes_nothing_count(document: Any) -> None:
    keys, _ = held(document)
    with pytest.raises(JwtRefused):
        keys.keys("rsa", NOW)


def test_a_redirect_is_followed_on_the_same_host_alone(there: Server) -> None:
    there.answers |= {"/jwks": goes("/moved"), "/moved": goes(f"{there.address}/keys", 308), "/keys": says(JWKS)}
    assert json.loads(fetch_document(f"{there.address}/jwks")) == JWKS
    with server() as other:
        other.answers["/keys"] = says(JWKS)
        port = there.address.rpartition(":")[2]
        for where in (
            f"{other.address}/keys",
            f"http://localhost:{port}/keys",
            f"https://127.0.0.1:{port}/keys",
            f"//{other.address.partition('//')[2]}/keys",
            "file:///etc/passwd",
            f"http://someone@127.0.0.1:{port}/keys",
            "http://169.254.169.254/latest/meta-data",
        ):
            there.answers["/jwks"] = goes(where)
            with pytest.raises(FetchRefused, match="another host"):
                fetch_document(f"{there.address}/jwks")
        assert other.asked == []


def test_a_redirect_in_a_circle_ends(there: Server) -> None:
    there.answers["/jwks"] = goes("/jwks")
    with pytest.raises(FetchRefused, match="again and again"):
        fetch_document(f"{there.address}/jwks")
    assert len(there.asked) == 4


def test_what_is_too_large_or_grows_is_refused(there: Server) -> None:
    there.answers["/jwks"] = says(b" " * 1001)
    with pytest.raises(FetchRefused, match="more than 1000 bytes"):
        fetch_document(f"{there.address}/jwks", most=1000)
    there.answers["/jwks"] = says(gzip.compress(json.dumps(JWKS).encode()), content_encoding="gzip")
    with pytest.raises(FetchRefused, match="compressed"):
        fetch_document(f"{there.address}/jwks")


def never(there: Server) -> Any:
    def answer(request: BaseHTTPRequestHandler) -> None:
        there.open.wait(600)

    return answer


def dripping(there: Server) -> Any:
    """Something arrives all the time, and the end does not."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not there.open.wait(0.01):
            request.wfile.write(b" ")

    return answer


@pytest.mark.parametrize("slow", [never, dripping])
def test_whoever_does_not_come_to_an_end_is_cut_off(there: Server, slow: Any) -> None:
    there.answers["/jwks"] = slow(there)
    with pytest.raises(FetchRefused, match=r"did not answer in 0\.5 seconds"):
        fetch_document(f"{there.address}/jwks", seconds=0.5)


def test_who_is_not_there_or_has_nothing_is_refused(there: Server) -> None:
    with pytest.raises(FetchRefused, match="answers 404"):
        fetch_document(f"{there.address}/nothing")
    with pytest.raises(FetchRefused, match="cannot be reached"):
        fetch_document("http://127.0.0.1:1/jwks")
    with pytest.raises(FetchRefused):
        fetch_document(there.address.replace("http:", "https:"))  # it speaks no TLS


@pytest.mark.parametrize(
    "url",
    ["http://idp.example.org/jwks", "ftp://idp.example.org/jwks", "https://idp.example.org/jwks?a=b", "jwks.json"],
)
def test_keys_do_not_come_over_a_line_that_anybody_can_change(url: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(jwt_issuers={ISSUER: {"audience": AUDIENCE, "algorithms": ["RS256"], "jwks_url": url}})


def test_keys_are_given_once() -> None:
    both = {"jwks_url": "https://idp.example.org/jwks", "keys": JWKS}
    with pytest.raises(SettingsError, match="once"):
        load_settings(jwt_issuers={ISSUER: {"audience": AUDIENCE, "algorithms": ["RS256"], **both}})


def test_the_doctor_asks_nobody(place: Workspace, there: Server) -> None:
    assert f"keys from {there.address}/jwks" in ways_in(place.settings)
    assert there.asked == []


def test_a_process_keeps_the_keys_of_so_many_addresses(there: Server) -> None:
    for number in range(70):
        there.answers[f"/{number}"] = says(JWKS)
        assert jwks_by_url.fetched_keys(f"{there.address}/{number}", "rsa", NOW)
    assert len(jwks_by_url._known) == 64
