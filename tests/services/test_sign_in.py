"""Who is asking: links, sessions and keys, and every way in which they do not count."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govflow.errors import PrincipalError, PrincipalInactive, SignInRefused
from govflow.identity import Assurance, PrincipalKind
from govflow.identity.life_times import IDLE, SESSION
from govflow.identity.principal import MACHINE
from govflow.services.invite_people import invite
from govflow.services.manage_api_keys import make_key, revoke_key
from govflow.services.manage_people import (
    Change,
    add_principal,
    change_principal,
    deactivate_principal,
    reactivate_principal,
)
from govflow.services.sign_in import (
    SignedIn,
    bearer_principal,
    end_session,
    link_is_good,
    session_principal,
    use_link,
)
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = """
version: 1
policy: {name: mine, default: deny, rules: [{name: all, effect: allow, actions: ["*"]}]}
principals:
  bob: {roles: [owner], groups: [on-call]}
  Dora: {roles: [owner]}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    url = f"sqlite:///{tmp_path}/gov.db"
    opened = open_workspace(Settings(policy=tmp_path / "policy.yaml", database_url=url, tenant="acme"))
    add_principal(opened, "bob", "root", NOW, roles=["dev"], groups=["data"], email="bob@acme.io")
    add_principal(opened, "bot", "root", NOW, kind=PrincipalKind.MACHINE, roles=["ci"])
    yield opened
    opened.close()


def secret_of(place: Workspace, name: str = "bob", *, later: timedelta = timedelta(0), **more: Any) -> str:
    invitation = invite(place, name, "root", NOW + later, os.urandom(32), **more)
    assert invitation.url.startswith("http://127.0.0.1:4300/sign-in/link/gfl_")
    return invitation.url.rpartition("/")[2]


def signed_in(place: Workspace, name: str = "bob") -> str:
    return use_link(place, secret_of(place, name), NOW, os.urandom(32))[1]


def key_of(place: Workspace, name: str = "bot", **more: Any) -> tuple[str, str]:
    key, secret = make_key(place, name, "ci", "root", NOW, os.urandom(32), **more)
    return key.key_id, secret


def records(place: Workspace, tenant: str = "acme") -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in place.store.tail(tenant, 100)]


def last(place: Workspace) -> dict[str, Any]:
    return records(place)[-1]


def test_a_link_opens_a_session_for_its_person(place: Workspace) -> None:
    who, secret = use_link(place, secret_of(place), NOW, os.urandom(32))
    assert (who.principal.name, who.method, who.expires_at) == ("bob", "link", NOW + IDLE)
    assert who.principal.assurance is Assurance.AUTHENTICATED
    assert who.principal.selectors() == {
        *("user:bob", "role:owner", "role:dev", "group:on-call", "group:data"),
    }, "policy file and store"
    assert session_principal(place, secret, NOW) == who
    assert last(place)["event"] == "sign_in.succeeded"
    assert last(place)["subject"] == "bob"


def test_a_used_link_is_refused_and_on_record(place: Workspace) -> None:
    secret = secret_of(place)
    use_link(place, secret, NOW, os.urandom(32))
    with pytest.raises(SignInRefused) as refusal:
        use_link(place, secret, NOW, os.urandom(32))
    assert "cause" not in refusal.value.details, "one answer for all"
    assert (last(place)["event"], last(place)["payload"]["cause"]) == ("sign_in.refused", "used")


def test_one_link_opens_one_session_however_many_try_at_once(place: Workspace) -> None:
    secret = secret_of(place)

    def attempt(_: int) -> bool:
        try:
            use_link(place, secret, NOW, os.urandom(32))
        except SignInRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(16))) == 1
    assert len(place.store.sign_ins.of_principal("acme", "bob", NOW)) == 1


@pytest.mark.parametrize(
    ("presented", "cause"), [("gfl_" + "A" * 43, "unknown"), ("gfl_short", "form"), ("", "form"), ("../x", "form")]
)
def test_a_link_that_nobody_made_is_refused(place: Workspace, presented: str, cause: str) -> None:
    assert not link_is_good(place, presented, NOW)
    with pytest.raises(SignInRefused):
        use_link(place, presented, NOW, os.urandom(32))
    assert last(place)["payload"]["cause"] == cause


def test_a_link_is_over_at_its_end(place: Workspace) -> None:
    secret = secret_of(place)
    end = NOW + timedelta(hours=24)
    assert link_is_good(place, secret, end - timedelta(microseconds=1))
    assert not link_is_good(place, secret, end)
    with pytest.raises(SignInRefused):
        use_link(place, secret, end, os.urandom(32))
    assert last(place)["payload"]["cause"] == "expired"


def test_looking_at_a_link_does_not_use_it(place: Workspace) -> None:
    secret = secret_of(place)
    before = place.store.head("acme").size
    for _ in range(3):
        assert link_is_good(place, secret, NOW)
    assert place.store.head("acme").size == before
    use_link(place, secret, NOW, os.urandom(32))
    assert not link_is_good(place, secret, NOW)


def test_a_new_link_ends_the_one_before(place: Workspace) -> None:
    first = secret_of(place)
    second = secret_of(place, later=timedelta(seconds=1))
    later = NOW + timedelta(seconds=2)
    assert not link_is_good(place, first, later) and link_is_good(place, second, later)


@pytest.mark.parametrize("hours", [0, -1, 169])
def test_a_link_cannot_live_for_ever(place: Workspace, hours: int) -> None:
    with pytest.raises(PrincipalError, match="cannot live as long"):
        secret_of(place, life=timedelta(hours=hours))


def test_a_session_ends_when_nobody_uses_it(place: Workspace) -> None:
    secret = signed_in(place)
    almost = NOW + IDLE - timedelta(seconds=1)
    assert session_principal(place, secret, almost) is not None
    assert session_principal(place, secret, almost + IDLE - timedelta(seconds=1)) is not None, "it was used"
    assert session_principal(place, secret, almost + 2 * IDLE) is None


def test_a_session_ends_after_a_day_of_work_however_it_is_used(place: Workspace) -> None:
    secret, moment = signed_in(place), NOW
    while moment < NOW + SESSION:
        found = session_principal(place, secret, moment)
        assert found is not None and found.expires_at is not None and found.expires_at <= NOW + SESSION
        moment += timedelta(hours=1)
    assert session_principal(place, secret, moment) is None


def test_signing_out_ends_the_session_at_once(place: Workspace) -> None:
    secret = signed_in(place)
    assert end_session(place, secret, NOW)
    assert session_principal(place, secret, NOW) is None
    assert (last(place)["event"], last(place)["subject"]) == ("session.ended", "bob")
    assert not end_session(place, secret, NOW)


def test_deactivating_ends_sessions_links_and_keys_at_once(place: Workspace) -> None:
    session, link, (_, key) = signed_in(place), secret_of(place), key_of(place)
    assert deactivate_principal(place, "bob", "root", NOW) == {"sessions": 1, "links": 1, "keys": 0, "votes": 0}
    assert deactivate_principal(place, "bot", "root", NOW) == {"sessions": 0, "links": 0, "keys": 1, "votes": 0}
    assert session_principal(place, session, NOW) is None
    assert not link_is_good(place, link, NOW)
    with pytest.raises(SignInRefused):
        use_link(place, link, NOW, os.urandom(32))
    assert bearer_principal(place, f"Bearer {key}", NOW) is None
    for name in ("bob", "BOB"):
        with pytest.raises(PrincipalInactive, match="bob was deactivated"):
            place.principal(name)
    with pytest.raises(PrincipalInactive):
        invite(place, "bob", "root", NOW, os.urandom(32))
    with pytest.raises(PrincipalInactive):
        key_of(place)
    assert reactivate_principal(place, "bob", "root", NOW)
    assert session_principal(place, session, NOW) is None, "what was ended stays ended"
    assert place.principal("bob").roles == ("owner", "dev")


def test_a_changed_role_holds_from_the_next_request_on(place: Workspace) -> None:
    secret = signed_in(place)
    change_principal(place, "bob", Change(add_roles=("auditor",), drop_roles=("dev",)), "root", NOW)
    found = session_principal(place, secret, NOW)
    assert found is not None and found.principal.roles == ("owner", "auditor")
    assert last(place)["payload"]["roles_before"] == ["dev"]


def test_names_that_differ_by_case_only_are_refused(place: Workspace) -> None:
    with pytest.raises(PrincipalError, match="has 'bob'"):
        add_principal(place, "BOB", "root", NOW)
    with pytest.raises(PrincipalError, match="has 'Dora'"):
        add_principal(place, "dora", "root", NOW)
    assert add_principal(place, "Dora", "root", NOW).name == "Dora"
    add_principal(place, "eve", "root", NOW)
    with pytest.raises(PrincipalError, match="'EVE' is taken by 'eve'"):
        add_principal(place, "EVE", "root", NOW)


def test_a_session_of_another_tenant_is_none(place: Workspace) -> None:
    secret, (_, key) = signed_in(place), key_of(place)
    link = secret_of(place)
    other = open_workspace(place.settings.model_copy(update={"tenant": "other"}))
    try:
        assert session_principal(other, secret, NOW) is None
        assert bearer_principal(other, f"Bearer {key}", NOW) is None
        with pytest.raises(SignInRefused):
            use_link(other, link, NOW, os.urandom(32))
        said = records(other, "other")[-1]
        assert (said["subject"], said["payload"]["cause"]) == ("anonymous", "tenant")
    finally:
        other.close()


def test_no_secret_of_one_kind_serves_as_another(place: Workspace) -> None:
    session, link, (_, key) = signed_in(place), secret_of(place), key_of(place)
    body = session.removeprefix("gfs_")
    for wrong in (link, key, f"gfl_{body}", f"gfk_{body}", body, session + "=", " " + session):
        assert session_principal(place, wrong, NOW) is None
    for header in (f"Bearer {session}", f"Bearer {link}", f"Basic {key}", key, "Bearer", "Bearer ", f"Bearer  {key}"):
        assert bearer_principal(place, header, NOW) is None


@pytest.mark.covers("S4-08", "S3-02", "S3-03")
def test_a_key_speaks_for_its_machine_until_it_is_revoked(place: Workspace) -> None:
    key_id, secret = key_of(place)
    found = bearer_principal(place, f"bearer {secret}", NOW)
    assert isinstance(found, SignedIn) and found.method == "api_key"
    assert found.principal.kind is PrincipalKind.MACHINE
    assert found.principal.selectors() == {"user:bot", "role:ci", MACHINE}
    assert found.expires_at == NOW + timedelta(days=90)
    assert bearer_principal(place, f"Bearer {secret}", NOW + timedelta(days=90)) is None, "over at its end"
    assert revoke_key(place, key_id, "root", NOW)
    for spelling in (secret, secret + "=", secret + "==", secret.replace("_", "-", 1)):
        assert bearer_principal(place, f"Bearer {spelling}", NOW) is None
    assert not revoke_key(place, key_id, "root", NOW)
    assert last(place)["event"] == "api_key.revoked"


@pytest.mark.covers("S4-08", "S3-02")
def test_padded_spellings_of_a_revoked_key_are_refused(place: Workspace) -> None:
    key_id, secret = key_of(place)
    revoke_key(place, key_id, "root", NOW)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for letter in letters:
        assert bearer_principal(place, f"Bearer {secret[:-1]}{letter}", NOW) is None


def test_people_have_no_keys_and_machines_no_links(place: Workspace) -> None:
    with pytest.raises(PrincipalError, match="is a person"):
        key_of(place, "bob")
    with pytest.raises(PrincipalError, match="is a machine"):
        invite(place, "bot", "root", NOW, os.urandom(32))


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_key_cannot_live_for_ever(place: Workspace, days: int) -> None:
    with pytest.raises(PrincipalError, match="cannot live as long"):
        key_of(place, life=timedelta(days=days))


def test_secrets_are_found_nowhere(place: Workspace, tmp_path: Path) -> None:
    link = secret_of(place)
    _, session = use_link(place, link, NOW, os.urandom(32))
    session_principal(place, session, NOW + timedelta(minutes=5))
    _, key = key_of(place)
    bearer_principal(place, f"Bearer {key}", NOW)
    place.store.flush()
    looked = 0
    for path in tmp_path.rglob("*"):
        if path.is_file():
            looked += 1
            data = path.read_bytes()
            for secret in (link, session, key):
                assert secret.encode() not in data and secret[4:].encode() not in data, path
    assert looked >= 2
    assert all(secret[4:] not in json.dumps(records(place)) for secret in (link, session, key))


def test_an_address_and_a_subject_can_be_erased_from_the_log(place: Workspace) -> None:
    add_principal(place, "eve", "root", NOW, email="eve@acme.io", issuer="https://idp", oidc_subject="u-77")
    said = json.dumps(last(place))
    assert "eve@acme.io" not in said and "u-77" not in said
    assert set(last(place)["commitments"]) == {"email", "oidc_subject"}


def test_one_subject_of_a_provider_is_one_principal(place: Workspace) -> None:
    add_principal(place, "eve", "root", NOW, issuer="https://idp", oidc_subject="u-77")
    with pytest.raises(PrincipalError, match="signs in as 'eve'"):
        change_principal(place, "bob", Change(issuer="https://idp", oidc_subject="u-77"), "root", NOW)
    with pytest.raises(PrincipalError, match="both or neither"):
        change_principal(place, "bob", Change(issuer="https://idp"), "root", NOW)
    found = place.store.people.of_subject("acme", "https://idp", "u-77")
    assert found is not None and found.name == "eve"


def test_a_session_ends_when_another_subject_signs_in_as_its_principal(place: Workspace) -> None:
    secret = signed_in(place)
    change_principal(place, "bob", Change(issuer="https://idp", oidc_subject="u-1"), "root", NOW)
    assert session_principal(place, secret, NOW) is None


@pytest.mark.parametrize("role", ["", "a b", "*", "own?r", "a,b", "x\ny"])
def test_a_role_that_no_rule_can_name_is_refused(place: Workspace, role: str) -> None:
    with pytest.raises(PrincipalError, match="no name of a role"):
        add_principal(place, "carl", "root", NOW, roles=[role])
