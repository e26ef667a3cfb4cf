"""Who a token of another system is here: a machine by its name, a person only where the person is bound to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from govflow.errors import SettingsError
from govflow.identity import Assurance, PrincipalKind
from govflow.identity.principal import MACHINE
from govflow.services.manage_people import add_principal, deactivate_principal
from govflow.services.sign_in import SignedIn, bearer_principal
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings
from tests.identity.tokens import (
    AUDIENCE,
    ISSUER,
    JWKS,
    NOW,
    OTHER_RSA,
    RSA_KEY,
    claims,
    jwk,
    signed_with_the_public_key,
    token,
    unsigned,
)


def opened(tmp_path: Path, issuers: dict[str, Any] | None = None, **changed: Any) -> Workspace:
    ours = {ISSUER: {"audience": AUDIENCE, "algorithms": ["RS256"], "keys": JWKS, **changed}}
    settings = load_settings(database_url=f"sqlite:///{tmp_path}/gov.db", jwt_issuers=issuers or ours)
    return open_workspace(settings)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    workspace = opened(tmp_path, roles_claim="roles", groups_claim="groups")
    add_principal(workspace, "bot", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    add_principal(workspace, "bob", "root", NOW)
    add_principal(workspace, "eve", "root", NOW, issuer=ISSUER, oidc_subject="user:eve/7")
    yield workspace
    workspace.close()


def who(place: Workspace, text: str) -> SignedIn | None:
    return bearer_principal(place, f"Bearer {text}", NOW)


@pytest.mark.covers("S4-06", "S1-03")
def test_a_machine_is_known_by_its_name_with_what_its_issuer_vouches_for(place: Workspace) -> None:
    found = who(place, token(claims(roles=["deployer", "ci", "a b", 7, "*"], groups="nightly data")))
    assert found is not None
    assert (found.method, found.principal.assurance) == ("jwt", Assurance.AUTHENTICATED)
    assert found.principal.selectors() - {MACHINE} == {
        "user:bot",
        "role:ci",
        "role:deployer",
        "group:nightly",
        "group:data",
    }
    assert found.expires_at is not None and (found.expires_at - NOW).total_seconds() == 300


def test_a_person_is_known_by_the_bound_subject_alone(place: Workspace) -> None:
    found = who(place, token(claims(sub="user:eve/7")))
    assert found is not None and found.principal.name == "eve"
    for subject in ("bob", "eve", "BOT", "nobody", "", 7, None, ["bot"], "bot "):
        assert who(place, token(claims(sub=subject))) is None


def test_roles_are_taken_only_from_a_configured_claim(tmp_path: Path) -> None:
    workspace = opened(tmp_path)
    add_principal(workspace, "bot", "root", NOW, kind=PrincipalKind.MACHINE)
    found = who(workspace, token(claims(roles=["owner"], groups=["data"])))
    assert found is not None and found.principal.selectors() == {"user:bot", MACHINE}
    workspace.close()


@pytest.mark.covers("S4-06")
def test_forged_and_stale_tokens_are_nobody(place: Workspace) -> None:
    assert who(place, token()) is not None
    forged = [unsigned(), signed_with_the_public_key(), token(key=OTHER_RSA), token(alg="PS256"), token(kid="ec")]
    stale = [token(claims(exp=0)), token(claims(aud="x")), token(claims(iss="x")), token(claims(nbf=2e9)), "x.y.z"]
    for text in forged + stale:
        assert who(place, text) is None


def test_a_subject_of_another_issuer_is_another(tmp_path: Path, place: Workspace) -> None:
    other = "https://other.example.org"
    rules = {"audience": AUDIENCE, "algorithms": ["RS256"], "keys": {"keys": [jwk(OTHER_RSA, "rsa")]}}
    both = opened(tmp_path, {ISSUER: {**rules, "keys": JWKS}, other: rules})
    assert who(both, token(claims(iss=other, sub="user:eve/7"), key=OTHER_RSA)) is None
    assert who(both, token(claims(iss=other), key=RSA_KEY)) is None, "signed by a key of the first"
    assert who(both, token(claims(iss=ISSUER), key=OTHER_RSA)) is None
    both.close()


def test_who_was_deactivated_is_refused_with_a_good_token(place: Workspace) -> None:
    deactivate_principal(place, "bot", "root", NOW)
    assert who(place, token()) is None


def test_a_key_that_was_taken_out_of_the_file_counts_no_more(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(JWKS))
    workspace = opened(tmp_path, keys=None, jwks=file)
    add_principal(workspace, "bot", "root", NOW, kind=PrincipalKind.MACHINE)
    assert who(workspace, token()) is not None
    file.write_text(json.dumps({"keys": [jwk(OTHER_RSA, "new")]}))
    assert who(workspace, token()) is None
    for broken in ("{", json.dumps({"keys": [{"kty": "oct", "k": "canary-of-a-key"}]})):
        file.write_text(broken)
        with pytest.raises(SettingsError) as error:
            who(workspace, token())
        assert "canary" not in str(error.value)
    file.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        who(workspace, token())
    workspace.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"audience": ""},
        {"keys": None},
        {"jwks": "keys.json"},
        {"leeway": 3600},
    ],
)
def test_an_issuer_that_would_let_anybody_in_cannot_be_configured(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="jwt_issuers"):
        opened(tmp_path, **wrong)


def test_issuers_can_stand_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {ISSUER: {"audience": AUDIENCE, "algorithms": ["RS256"], "jwks": "keys.json"}}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOVFLOW_JWT_ISSUERS", json.dumps(said))
    assert load_settings().jwt_issuers[ISSUER].jwks == Path("keys.json")
    monkeypatch.setenv("GOVFLOW_JWT_ISSUERS", "{canary")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "neither a table nor JSON" in str(error.value) and "canary" not in str(error.value)
