"""Principals, links, sessions and keys at rest: a change and its record are one, under any concurrency."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from govflow.audit.verify import Outcome
from govflow.errors import GovflowError, PrincipalError, SignInRefused, StoreError
from govflow.identity import PrincipalKind, SecretKind, make_secret
from govflow.store import Store
from govflow.store.api_keys import ApiKey
from govflow.store.people import KnownPrincipal
from tests.store.seen_raw import Raw
from tests.store.things import NOW, digest, forked, reaped

pytestmark = pytest.mark.once

LATER = NOW + timedelta(hours=1)


def a_principal(name: str = "bob", **changed: Any) -> KnownPrincipal:
    made = KnownPrincipal(
        "acme", name, PrincipalKind.PERSON, ("owner",), ("data",), f"{name}@acme.io", None, None, True, NOW, "root"
    )
    return replace(made, **changed)


def a_key(number: int = 0, **changed: Any) -> ApiKey:
    made = ApiKey(f"key-{number}", digest(f"{number:x}"), "acme", "bob", "ci", NOW, "root", LATER)
    return replace(made, **changed)


def a_link(store: Store, name: str = "bob") -> str:
    _, made = make_secret(SecretKind.LINK, os.urandom(32))
    store.sign_ins.invite("acme", name, made, LATER, "root", NOW)
    return made


def use(store: Store, link: str) -> str:
    _, session = make_secret(SecretKind.SESSION, os.urandom(32))
    return store.sign_ins.use_link("acme", link, session, LATER, NOW).digest


def events(store: Store) -> list[str]:
    return [json.loads(entry.body)["event"] for entry in store.tail("acme", 100)]


def test_what_was_put_in_comes_out(store: Store) -> None:
    store.people.add(a_principal(issuer="https://idp", oidc_subject="u-1"))
    found = store.people.get("acme", "bob")
    assert found == a_principal(issuer="https://idp", oidc_subject="u-1")
    assert store.people.of_subject("acme", "https://idp", "u-1") == found
    assert store.people.get("globex", "bob") is None and store.people.of_subject("globex", "https://idp", "u-1") is None
    store.api_keys.add(a_key())
    assert store.api_keys.of_digest(digest("0")) == a_key() == store.api_keys.of_principal("acme", "bob")[0]


def test_a_change_that_changes_nothing_is_no_record(store: Store) -> None:
    store.people.add(a_principal())
    assert not store.people.change(a_principal(), "root", NOW)
    assert store.people.change(a_principal(roles=("auditor",)), "root", NOW)
    assert events(store) == ["principal.created", "principal.changed"]
    with pytest.raises(PrincipalError):
        store.people.change(a_principal("nobody"), "root", NOW)


def test_names_of_two_tenants_do_not_meet(store: Store) -> None:
    store.people.add(a_principal())
    store.people.add(a_principal("BOB", tenant="globex"))
    assert [one.name for one in store.people.spellings("acme", "Bob")] == ["bob"]


def test_spellings_that_are_added_at_once_are_one(store: Store) -> None:
    names = ["bob", "BOB", "Bob", "boB"] * 3
    added: list[str] = []

    def add(name: str) -> None:
        with suppress(PrincipalError):
            store.people.add(a_principal(name))
            added.append(name)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(add, names))
    assert len(added) == 1 == events(store).count("principal.created")


def test_where_the_record_cannot_be_written_nothing_happens(store: Store, raw: Raw) -> None:
    """A link is not used, a principal not changed, if the log cannot say so."""
    store.people.add(a_principal())
    link = a_link(store)
    store.api_keys.add(a_key())
    full = raw.refuse_records(
        "sign_in.succeeded", "principal.deactivated", "principal.changed", "api_key.revoked", "session.ended"
    )
    attempts: list[Callable[[], object]] = [
        lambda: use(store, link),
        lambda: store.people.deactivate("acme", "bob", "root", NOW),
        lambda: store.people.change(a_principal(roles=()), "root", NOW),
        lambda: store.api_keys.revoke("acme", "key-0", "root", NOW),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="full"):
            attempt()
    full.close()
    assert store.people.get("acme", "bob") == a_principal()
    assert store.api_keys.of_digest(digest("0")) == a_key()
    assert store.sign_ins.of_principal("acme", None, NOW) == []
    assert use(store, link)
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_one_link_opens_one_session_in_however_many_processes(store: Store, url: str) -> None:
    store.people.add(a_principal())
    link = a_link(store)

    def attempt() -> None:
        with Store.open(url) as own, suppress(SignInRefused):
            use(own, link)

    children = [forked(attempt) for _ in range(4)]
    assert reaped(*children) == [0, 0, 0, 0]
    assert len(store.sign_ins.of_principal("acme", "bob", NOW)) == 1
    assert events(store).count("sign_in.succeeded") == 1 and events(store).count("sign_in.refused") == 3


def test_whoever_signs_in_while_being_deactivated_is_not_signed_in_afterwards(store: Store) -> None:
    store.people.add(a_principal())
    links = [a_link(store) for _ in range(1)]
    start = threading.Barrier(2)

    def sign_in() -> None:
        start.wait()
        with suppress(GovflowError):
            use(store, links[0])

    def deactivate() -> None:
        start.wait()
        store.people.deactivate("acme", "bob", "root", NOW)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(sign_in), threads.submit(deactivate)]:
            done.result()
    assert store.sign_ins.of_principal("acme", "bob", NOW) == []


def test_an_ended_session_is_not_revived_by_a_late_request(store: Store) -> None:
    store.people.add(a_principal())
    session = use(store, a_link(store))
    assert store.sign_ins.end("acme", session, "", NOW)
    store.sign_ins.seen(session, LATER)
    found = store.sign_ins.session(session)
    assert found is not None and (found.ended_at, found.seen_at) == (NOW, NOW)


def test_what_is_over_for_long_is_forgotten(store: Store, raw: Raw) -> None:
    store.people.add(a_principal())
    use(store, a_link(store))
    _, made = make_secret(SecretKind.LINK, os.urandom(32))
    much_later = LATER + timedelta(days=31)
    store.sign_ins.invite("acme", "bob", made, much_later + timedelta(hours=1), "root", much_later)
    assert raw.execute("SELECT count(*) FROM console_session").fetchone() == (0,)
    assert raw.execute("SELECT count(*) FROM sign_in_link").fetchone() == (1,)
    assert events(store).count("sign_in.succeeded") == 1, "the log does not forget"
