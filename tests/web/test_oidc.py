"""Signing in at a provider: the way there and back, who is let in, and providers and people who cheat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from govflow.errors import SettingsError
from govflow.identity import PrincipalKind
from govflow.services.manage_people import add_principal, deactivate_principal
from govflow.services.sign_in import bearer_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.console.test_signing_in import app_of, last, now
from tests.identity.tokens import OTHER_RSA, RSA_KEY, jwk, part, token
from tests.web.providers import Liar, liar, provider

SECRET = "canary-of-the-client-secret-0123456789"
POLICY = """
version: 1
policy: {name: mine, default: deny, rules: [{name: all, effect: require_approval, actions: ["*"], approval: boss}]}
approvals:
  boss: {required: 1, approvers: ["user:bigboss", "role:owner"]}
principals:
  dora: {roles: [owner]}
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as address:
        yield address


class Place:
    """A console with a provider, and a browser."""

    def __init__(self, folder: Path, issuer: str, **settings: Any) -> None:
        oidc = {"issuer": issuer, "client_id": "console", **settings.pop("oidc", {})}
        (folder / "policy.yaml").write_text(POLICY)
        given = {"database_url": f"sqlite:///{folder}/gov.db", "policy": folder / "policy.yaml", "oidc": oidc}
        self.issuer = issuer
        self.workspace: Workspace = open_workspace(load_settings(**given, oidc_client_secret=SECRET, **settings))
        self.browser = TestClient(app_of(self.workspace), base_url="http://127.0.0.1:4300", follow_redirects=False)

    def go(self, **query: str) -> str:
        """To the provider: the address to which the browser is sent."""
        sent = self.browser.get("/sign-in/oidc", params=query)
        assert sent.status_code == 302, sent.text
        return str(sent.headers["location"])

    def consent(self, address: str, subject: str, claims: dict[str, Any]) -> str:
        """At the provider: the address to which it sends the browser back."""
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()
        back = httpx.post(address, data={"sub": subject})
        assert back.status_code == 302, back.text
        return str(back.headers["location"])

    def sign_in(self, subject: str, **claims: Any) -> Any:
        """There and back."""
        return self.come_back(self.consent(self.go(), subject, claims))

    def come_back(self, address: str) -> Any:
        """What the console answers when the provider sends the browser back."""
        return self.browser.get(address)

    def who(self) -> str:
        return str(self.browser.get("/sign-in/who").json())

    def cause(self) -> object:
        said = last(self.workspace)
        assert said["event"] == "sign_in.refused" and said["payload"]["method"] == "oidc"
        return said["payload"]["cause"]

    def close(self) -> None:
        self.browser.close()
        self.workspace.close()


@pytest.fixture
def make(tmp_path: Path, issuer: str) -> Iterator[Any]:
    made: list[Place] = []

    def _make(**settings: Any) -> Place:
        made.append(Place(tmp_path, settings.pop("issuer", issuer), **settings))
        return made[-1]

    yield _make
    for one in made:
        one.close()


@pytest.mark.covers("S4-06", "B-10", "S3-19")
def test_a_known_subject_signs_in_as_its_principal(make: Any, issuer: str) -> None:
    place = make(oidc={"roles_claim": "roles", "groups_claim": "groups"})
    add_principal(place.workspace, "bob", "root", now(), roles=["dev"], issuer=issuer, oidc_subject="u-1")
    done = place.sign_in("u-1", preferred_username="somebody-else", roles=["owner"], groups=["data", "a b"])
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert place.who() == "bob", "whatever the provider calls the subject now"
    assert last(place.workspace)["payload"] | {"session": "", "expires_at": ""} == {
        "method": "oidc",
        "session": "",
        "expires_at": "",
        "roles": ["owner"],
        "groups": ["data"],
    }


@pytest.mark.covers("S3-20")
def test_the_way_there_has_state_nonce_and_a_challenge(make: Any) -> None:
    place = make()
    first, second = (parse_qs(urlsplit(place.go()).query) for _ in range(2))
    assert first["code_challenge_method"] == ["S256"] and len(first["code_challenge"][0]) == 43
    assert first["redirect_uri"] == ["http://127.0.0.1:4300/sign-in/oidc/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert SECRET not in json.dumps(first)


def test_a_first_sign_in_makes_nobody_known(make: Any) -> None:
    place = make()
    refused = place.sign_in("u-2", preferred_username="eve", email="eve@acme.io", email_verified=True)
    assert (refused.status_code, place.who(), place.cause()) == (403, "nobody", "unknown-subject")
    said = json.dumps(last(place.workspace))
    assert '"eve"' not in said and "acme.io" not in said and "u-2" not in said, "personal values can be erased"
    assert "u-2" not in refused.text
    assert place.workspace.store.people.list("default", inactive=True) == []


def test_where_it_is_set_a_first_sign_in_makes_a_principal(make: Any) -> None:
    place = make(oidc_create=["viewer"])
    assert place.sign_in("u-3", preferred_username="eve", email="eve@acme.io", email_verified=True).status_code == 303
    (made,) = place.workspace.store.people.list("default")
    assert (made.name, made.roles, made.oidc_subject, made.email) == ("eve", ("viewer",), "u-3", "eve@acme.io")
    place.browser.cookies.clear()
    assert place.sign_in("u-3", preferred_username="mallory").status_code == 303
    assert place.who() == "eve", "another name at the provider makes nobody else of them"


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("bob", "name-taken"),
        ("BOB", "name-taken"),
        ("dora", "name-of-policy"),
        ("DORA", "name-of-policy"),
        ("bigboss", "name-of-policy"),
        ("two words", "no-name"),
        ("<script>", "no-name"),
        ("", "no-name"),
        (7, "no-name"),
        (None, "no-name"),
    ],
)
def test_nobody_gets_a_name_that_is_anothers_or_none(make: Any, name: Any, cause: str) -> None:
    place = make(oidc_create=[])
    add_principal(place.workspace, "bob", "root", now())
    claims = {} if name is None else {"preferred_username": name}
    assert place.sign_in("u-4", **claims).status_code == 403
    assert (place.who(), place.cause()) == ("nobody", cause)


@pytest.mark.parametrize(
    ("claims", "let_in"),
    [
        ({"email": "eve@acme.io", "email_verified": True}, True),
        ({"email": "eve@ACME.io", "email_verified": True}, True),
        ({"email": "eve@acme.io", "email_verified": False}, False),
        ({"email": "eve@acme.io", "email_verified": "true"}, False),
        ({"email": "eve@acme.io"}, False),
        ({"email": "eve@evil.io", "email_verified": True}, False),
        ({"email": "eve@acme.io.evil.io", "email_verified": True}, False),
        ({"email": "eve@sub.acme.io", "email_verified": True}, False),
        ({"email_verified": True}, False),
        ({}, False),
    ],
)
def test_only_verified_addresses_of_allowed_domains_are_let_in(make: Any, claims: dict[str, Any], let_in: bool) -> None:
    place = make(oidc={"allowed_domains": ["acme.io"]}, oidc_create=[])
    place.sign_in("u-5", preferred_username="eve", **claims)
    assert place.who() == ("eve" if let_in else "nobody")


def test_who_was_deactivated_does_not_sign_in_at_the_provider_either(make: Any, issuer: str) -> None:
    place = make(oidc_create=[])
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-6")
    deactivate_principal(place.workspace, "bob", "root", now())
    assert place.sign_in("u-6", preferred_username="bobby").status_code == 403
    assert place.cause() == "principal"


def test_another_browser_cannot_finish_what_this_one_began(make: Any, issuer: str) -> None:
    """A code and a state that somebody was tricked into opening sign nobody in."""
    place = make()
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-7")
    back = place.consent(place.go(), "u-7", {})
    place.browser.cookies.clear()
    assert place.come_back(back).status_code == 403
    assert (place.who(), place.cause()) == ("nobody", "MismatchingStateError")


def test_coming_back_twice_signs_in_once(make: Any, issuer: str) -> None:
    place = make()
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-8")
    back = place.consent(place.go(), "u-8", {})
    assert place.come_back(back).status_code == 303
    place.browser.cookies.delete("govflow")
    assert place.come_back(back).status_code == 403
    assert place.who() == "nobody"


@pytest.mark.parametrize("value", ["", "x", "gAAAAAB" + "A" * 80, "{}"])
def test_a_forged_memory_of_the_way_there_is_none(make: Any, issuer: str, value: str) -> None:
    place = make()
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-9")
    back = place.consent(place.go(), "u-9", {})
    place.browser.cookies.clear()
    place.browser.cookies.set("govflow-oidc", value)
    assert place.come_back(back).status_code == 403
    assert place.who() == "nobody"


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?error=access_denied&error_description=<script>", "?code="]
)
def test_coming_back_with_nothing_signs_nobody_in(make: Any, query: str) -> None:
    place = make()
    place.go()
    answer = place.come_back("/sign-in/oidc/callback" + query)
    assert answer.status_code == 403 and "<script>" not in answer.text


def test_one_goes_on_to_the_page_that_one_wanted(make: Any, issuer: str) -> None:
    place = make()
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-10")
    for asked, where in (("/requests/7", "/requests/7"), ("https://evil.io", "/"), ("//evil.io", "/")):
        done = place.come_back(place.consent(place.go(next=asked), "u-10", {}))
        assert done.headers["location"] == where


def test_the_cookie_of_the_way_there_tells_nothing(make: Any) -> None:
    place = make()
    asked = parse_qs(urlsplit(place.go()).query)
    sealed = place.browser.cookies["govflow-oidc"]
    assert asked["state"][0] not in sealed and asked["nonce"][0] not in sealed


def test_too_many_failures_of_one_address_are_refused_for_a_while(make: Any) -> None:
    place = make()
    for _ in range(place.workspace.settings.answer_limit):
        assert place.come_back("/sign-in/oidc/callback?code=x&state=y").status_code == 403
    assert place.come_back("/sign-in/oidc/callback?code=x&state=y").status_code == 429


def test_secrets_of_signing_in_are_found_nowhere(
    make: Any, issuer: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = make()
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-11")
    with caplog.at_level("DEBUG"):
        back = place.consent(place.go(), "u-11", {})
        code = parse_qs(urlsplit(back).query)["code"][0]
        done = place.come_back(back)
    session = place.browser.cookies["govflow"]
    place.workspace.store.flush()
    ours = [record for record in caplog.records if record.name.startswith(("govflow", "authlib"))]
    shown = done.text + str(place.workspace.settings) + repr(place.workspace.settings)
    shown += "".join(record.getMessage() for record in ours)
    for path in tmp_path.rglob("*"):
        shown += path.read_bytes().decode("latin-1") if path.is_file() else ""
    for secret in (SECRET, code, session, session[4:]):
        assert secret not in shown


# -- a provider that lies ---------------------------------------------------------------------------------------------


@pytest.fixture
def lying(make: Any) -> Iterator[tuple[Liar, Place]]:
    with liar() as told:
        told.jwks = {"keys": [jwk(RSA_KEY, "rsa")]}
        place = make(issuer=told.issuer)
        add_principal(place.workspace, "bob", "root", now(), issuer=told.issuer, oidc_subject="u-1")
        yield told, place


def said_by(told: Liar, nonce: str, /, **changed: Any) -> dict[str, Any]:
    stamp = int(now().timestamp())
    claims = {"iss": told.issuer, "aud": "console", "sub": "u-1", "iat": stamp, "exp": stamp + 300, "nonce": nonce}
    return {name: value for name, value in (claims | changed).items() if value is not None}


def come_back(told: Liar, place: Place, id_token: Any) -> Any:
    asked = parse_qs(urlsplit(place.go()).query)
    told.answer = {"access_token": "a", "token_type": "Bearer", "expires_in": 60}
    made = id_token(asked["nonce"][0])
    if made is not None:
        told.answer["id_token"] = made
    return place.come_back(f"/sign-in/oidc/callback?code=c&state={asked['state'][0]}")


@pytest.mark.covers("S3-21")
def test_the_verifier_of_the_challenge_is_sent_with_the_code(lying: tuple[Liar, Place]) -> None:
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    told, place = lying
    asked = parse_qs(urlsplit(place.go()).query)
    told.answer = {"access_token": "a", "token_type": "Bearer", "id_token": token(said_by(told, asked["nonce"][0]))}
    assert place.come_back(f"/sign-in/oidc/callback?code=c&state={asked['state'][0]}").status_code == 303
    verifier = told.asked[-1]["code_verifier"]
    assert urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode() == asked["code_challenge"][0]


LIES: dict[str, Any] = {
    "another nonce": lambda told, nonce: token(said_by(told, "other")),
    "no nonce": lambda told, nonce: token(said_by(told, nonce, nonce=None)),
    "another audience": lambda told, nonce: token(said_by(told, nonce, aud="another")),
    "no audience": lambda told, nonce: token(said_by(told, nonce, aud=None)),
    "ours among others, for another party": lambda told, nonce: token(
        said_by(told, nonce, aud=["console", "another"], azp="another")
    ),
    "another issuer": lambda told, nonce: token(said_by(told, nonce, iss="https://other.example.org")),
    "no issuer": lambda told, nonce: token(said_by(told, nonce, iss=None)),
    "over": lambda told, nonce: token(said_by(told, nonce, exp=int(now().timestamp()) - 60)),
    "no end": lambda told, nonce: token(said_by(told, nonce, exp=None)),
    "from the future": lambda told, nonce: token(said_by(told, nonce, iat=int(now().timestamp()) + 600)),
    "no subject": lambda told, nonce: token(said_by(told, nonce, sub=None)),
    "another key": lambda told, nonce: token(said_by(told, nonce), key=OTHER_RSA),
    "an unknown key": lambda told, nonce: token(said_by(told, nonce), kid="nobody"),
    "a key of its own": lambda told, nonce: token(said_by(told, nonce), key=OTHER_RSA, jwk=jwk(OTHER_RSA, "rsa")),
    "the client's secret": lambda told, nonce: token(said_by(told, nonce), key=SECRET, alg="HS256"),
    "no signature": lambda told, nonce: f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(said_by(told, nonce))}.",
    "no token": lambda told, nonce: None,
    "garbage": lambda told, nonce: "a.b.c",
    "a number": lambda told, nonce: 7,
}


@pytest.mark.covers("S4-06")
@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_lies_signs_nobody_in(lying: tuple[Liar, Place], lie: str) -> None:
    told, place = lying
    refused = come_back(told, place, lambda nonce: LIES[lie](told, nonce))
    assert (refused.status_code, place.who()) == (403, "nobody")
    assert last(place.workspace)["event"] == "sign_in.refused"
    assert come_back(told, place, lambda nonce: token(said_by(told, nonce))).status_code == 303, "the honest one counts"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://other.example.org"},
        {"issuer": None},
        {"token_endpoint": "http://evil.example.org/token"},
        {"token_endpoint": None},
        {"jwks_uri": "http://evil.example.org/jwks"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_provider_that_is_not_the_configured_one_is_not_used(
    lying: tuple[Liar, Place], changed: dict[str, Any]
) -> None:
    told, place = lying
    told.metadata.update(changed)
    answer = place.browser.get("/sign-in/oidc")
    assert answer.status_code == 403 and "evil" not in answer.text


def test_a_provider_that_is_down_is_said_to_be(make: Any) -> None:
    with liar() as told:
        gone = told.issuer
    answer = make(issuer=gone).browser.get("/sign-in/oidc")
    assert answer.status_code == 403 and "cannot be reached" in answer.text


# -- roles and groups that the ID token lacks -------------------------------------------------------------------------

BOTH = {"roles_claim": "roles", "groups_claim": "groups", "userinfo": True}


@pytest.fixture
def telling(make: Any) -> Iterator[tuple[Liar, Place]]:
    """A provider whose ID tokens have no groups, and which tells of them at another place."""
    with liar() as told:
        told.jwks = {"keys": [jwk(RSA_KEY, "rsa")]}
        told.metadata["userinfo_endpoint"] = f"{told.issuer}/userinfo"
        told.userinfo = {"sub": "u-1", "groups": ["data"], "roles": ["owner"], "email": "bob@evil.io"}
        place = make(issuer=told.issuer, oidc=BOTH)
        add_principal(place.workspace, "bob", "root", now(), issuer=told.issuer, oidc_subject="u-1")
        yield told, place


def vouched(place: Place) -> tuple[object, object]:
    """What the last sign-in that counted was given; the session before it was ended after that."""
    bodies = [json.loads(entry.body) for entry in place.workspace.store.tail("default", 5)]
    [*_, payload] = [body["payload"] for body in bodies if body["event"] == "sign_in.succeeded"]
    return payload["roles"], payload["groups"]


@pytest.mark.covers("S3-22")
def test_roles_and_groups_come_from_userinfo_where_the_id_token_has_none(telling: tuple[Liar, Place]) -> None:
    told, place = telling
    done = come_back(told, place, lambda nonce: token(said_by(told, nonce)))
    assert (done.status_code, place.who(), vouched(place)) == (303, "bob", (["owner"], ["data"]))
    assert told.bearers == ["Bearer a"]


def test_what_the_id_token_has_counts_and_not_what_userinfo_says_of_it(telling: tuple[Liar, Place]) -> None:
    told, place = telling
    come_back(told, place, lambda nonce: token(said_by(told, nonce, roles=["dev"])))
    assert vouched(place) == (["dev"], ["data"])
    come_back(told, place, lambda nonce: token(said_by(told, nonce, roles=[], groups=[])))
    assert (vouched(place), len(told.bearers)) == (([], []), 1), "nothing was lacking, so nothing was asked"


def test_without_the_setting_userinfo_is_not_asked(lying: tuple[Liar, Place]) -> None:
    told, place = lying
    told.metadata["userinfo_endpoint"] = f"{told.issuer}/userinfo"
    assert come_back(told, place, lambda nonce: token(said_by(told, nonce))).status_code == 303
    assert told.bearers == []


@pytest.mark.parametrize(
    "lie",
    [
        {"sub": "u-2", "groups": ["data"]},
        {"sub": None, "groups": ["data"]},
        {"groups": ["data"]},
        {"sub": ["u-1"], "groups": ["data"]},
        ["u-1"],
        7,
        None,
        "http://localhost:1/userinfo",
        "https://evil.example.org/userinfo",
    ],
    ids=str,
)
def test_userinfo_that_is_not_about_whom_the_id_token_is_signs_nobody_in(telling: tuple[Liar, Place], lie: Any) -> None:
    told, place = telling
    honest, told.userinfo = told.userinfo, lie
    refused = come_back(told, place, lambda nonce: token(said_by(told, nonce)))
    assert (refused.status_code, place.who()) == (403, "nobody")
    assert last(place.workspace)["event"] == "sign_in.refused"
    told.userinfo = honest
    assert come_back(told, place, lambda nonce: token(said_by(told, nonce))).status_code == 303


@pytest.mark.parametrize("endpoint", [None, "", 7, "http://evil.example.org/userinfo"])
def test_userinfo_is_asked_over_a_line_that_nobody_reads(telling: tuple[Liar, Place], endpoint: Any) -> None:
    told, place = telling
    told.metadata["userinfo_endpoint"] = endpoint
    assert come_back(told, place, lambda nonce: token(said_by(told, nonce))).status_code == 403
    assert told.bearers == []


def test_a_provider_that_keeps_to_the_protocol_is_asked_for_userinfo(make: Any, issuer: str) -> None:
    place = make(oidc={**BOTH, "groups_claim": "team"})
    add_principal(place.workspace, "bob", "root", now(), issuer=issuer, oidc_subject="u-20")
    assert place.sign_in("u-20", roles=["owner"]).status_code == 303
    assert vouched(place) == (["owner"], [])


def test_asking_for_nothing_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="userinfo"):
        load_settings(oidc={"issuer": "https://idp.example.org", "client_id": "console", "userinfo": True})


# -- the keys of a provider, for the tokens of machines ---------------------------------------------------------------


def test_a_token_of_a_real_provider_counts_with_the_keys_that_it_publishes(issuer: str, tmp_path: Path) -> None:
    described = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    httpx.put(f"{issuer}/users/ci", json={}).raise_for_status()
    back = "http://127.0.0.1:4300/machine"
    asked = {"client_id": "pipeline", "redirect_uri": back, "response_type": "code", "scope": "openid", "nonce": "n"}
    went = httpx.post(described["authorization_endpoint"], params=asked, data={"sub": "ci"})
    code = parse_qs(urlsplit(went.headers["location"]).query)["code"][0]
    exchanged = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    made = httpx.post(described["token_endpoint"], data=exchanged, auth=("pipeline", "secret")).json()["id_token"]
    trusted = {"audience": "pipeline", "algorithms": ["RS256"], "jwks_url": described["jwks_uri"]}
    place = open_workspace(load_settings(database_url=f"sqlite:///{tmp_path}/m.db", jwt_issuers={issuer: trusted}))
    add_principal(place, "ci", "root", now(), kind=PrincipalKind.MACHINE)
    found = bearer_principal(place, f"Bearer {made}", now())
    assert found is not None and found.principal.name == "ci"
    assert bearer_principal(place, f"Bearer {made[:-4]}AAAA", now()) is None
    place.close()
