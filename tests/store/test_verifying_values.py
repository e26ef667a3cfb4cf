"""Values beside a log: whoever puts another one there is found, whoever erases one is not accused."""

from __future__ import annotations

import pytest

from govflow.audit.spans import Held
from govflow.audit.verify import How, Outcome
from govflow.store import Store
from tests.store.seen_raw import Raw, raw_sqlite
from tests.store.test_seals import opened, seal
from tests.store.things import a_draft

MAIL, PHONE = {"mail": "ann@example.org"}, {"phone": "+41 44 668 18 00"}


def written(store: Store) -> None:
    for number in range(12):
        values = {} if number % 3 else MAIL | PHONE
        store.append(a_draft(tenant="acme", payload={"n": number}, values=values), durable=number == 11)
    store.append(a_draft(tenant="rival", payload={}, values={"mail": "bob@example.org"}), durable=True)


@pytest.mark.covers("S4-29")
@pytest.mark.parametrize(
    ("change", "seq", "name", "how"),
    [
        (
            "UPDATE audit_value SET value = '\"eve@example.org\"' WHERE {of} = 6 AND name = 'mail'",
            6,
            "mail",
            How.ALTERED,
        ),
        ("UPDATE audit_value SET salt = {blob} WHERE {of} IN (9, 3) AND name = 'phone'", 3, "phone", How.ALTERED),
        ("UPDATE audit_value SET name = 'other' WHERE {of} = 6 AND name = 'mail'", 6, "other", How.ALTERED),
        ("UPDATE audit_value SET writer_seq = writer_seq + 1 WHERE {of} = 0 AND name = 'mail'", 0, "mail", How.MISSING),
        (
            "INSERT INTO audit_value SELECT writer, 1, 'new', salt, value FROM audit_value"
            " WHERE {of} = 0 AND name = 'mail'",
            1,
            "new",
            How.ALTERED,
        ),
    ],
)
def test_another_value_is_found_at_its_record(
    store: Store, raw: Raw, change: str, seq: int, name: str, how: How
) -> None:
    written(store)
    store.flush()
    of = (
        "(SELECT seq FROM audit_record r WHERE tenant = 'acme' AND r.writer = audit_value.writer"
        " AND r.writer_seq = audit_value.writer_seq)"
    )
    assert store.verify("acme").outcome is Outcome.VERIFIED
    raw.execute(change.format(of=of, blob="X'00'" if raw.is_sqlite else "'\\x00'::bytea"))
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, seq, how), verdict
    assert f"value {name!r} of record {seq} is" in verdict.words
    assert (verdict.hash, verdict.root) == (None, None)
    assert store.verify("rival").outcome is Outcome.VERIFIED


def test_a_number_cannot_lose_its_first_digits_to_the_salt(store: Store, raw: Raw) -> None:
    store.append(a_draft(tenant="acme", payload={}, values={"amount": 12345, "name": "Ann"}), durable=True)
    store.flush()
    blob = "CAST('12' AS BLOB)" if raw.is_sqlite else "'12'::bytea"
    raw.execute(f"UPDATE audit_value SET salt = salt || {blob}, value = '345' WHERE name = 'amount'")
    if raw.is_sqlite:
        raw.execute("UPDATE audit_value SET salt = CAST(salt AS BLOB)")
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 0, How.ALTERED)
    assert "'amount'" in verdict.words


def test_a_value_that_is_gone_without_a_word_is_missed(store: Store, raw: Raw) -> None:
    written(store)
    store.flush()
    raw.execute("DELETE FROM audit_value WHERE name = 'mail' AND writer_seq > 0")
    verdict = store.verify("acme")
    assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 3, How.MISSING)
    assert verdict.words == "The value 'mail' of record 3 is gone, and no record says that it was erased."


def test_a_value_that_was_erased_is_not(store: Store, raw: Raw) -> None:
    written(store)
    store.flush()
    for seq in (3, 9):
        (found,) = store.values.of("acme", seq=seq)
        named = {"seq": seq, "writer": found.writer, "writer_seq": found.writer_seq, "names": list(found.names)}
        erased = a_draft("value.erased", tenant="acme", payload={"records": [named], "reason": "Art. 17"})
        assert store.values.erase([found], erased) == 2
    assert store.verify("acme").outcome is Outcome.VERIFIED
    raw.execute("DELETE FROM audit_value")
    assert (store.verify("acme").seq, store.verify("acme").how) == (0, How.MISSING)
    assert store.verify("rival").how is How.MISSING


def test_behind_a_checkpoint_they_are_looked_at_too(store: Store, raw: Raw) -> None:
    written(store)
    store.flush()
    held = Held(*opened(seal(store)))
    store.append(a_draft(tenant="acme", payload={}, values=MAIL), durable=True)
    assert store.verify_since("acme", held).outcome is Outcome.VERIFIED
    raw.execute("UPDATE audit_value SET value = '1' WHERE name = 'mail'")
    assert store.verify_since("acme", held).seq == 12
    assert store.verify("acme").seq == 0


@pytest.mark.parametrize("value", ["CAST(X'ff' AS TEXT)", "7", "X'00ff'"])
def test_whatever_stands_there_is_a_verdict(sqlite_url: str, value: str) -> None:
    with Store.open(sqlite_url) as store, raw_sqlite(sqlite_url) as raw:
        written(store)
        store.flush()
        for column in ("value", "salt", "name"):
            raw.execute(f"UPDATE audit_value SET {column} = {value} WHERE name = 'phone'")
            assert store.verify("acme").seq == 0, column


def test_a_payload_that_speaks_of_commitments_commits_to_nothing(store: Store, raw: Raw) -> None:
    for payload in ({"commitments": {"a": "b"}}, {"commitments": None}):
        store.append(a_draft(tenant="acme", payload=payload), durable=True)
    assert store.verify("acme").outcome is Outcome.VERIFIED
    blob = "X'00'" if raw.is_sqlite else "'\\x00'::bytea"
    raw.execute(f"INSERT INTO audit_value SELECT writer, writer_seq, 'a', {blob}, '1' FROM audit_record WHERE seq = 0")
    assert (store.verify("acme").seq, store.verify("acme").how) == (0, How.ALTERED)


@pytest.mark.parametrize("value", ["'\"eve@example.org\"'", "value"])
def test_a_second_one_of_the_same_name_is_found(sqlite_url: str, value: str) -> None:
    with Store.open(sqlite_url) as store, raw_sqlite(sqlite_url) as raw:
        written(store)
        store.flush()
        columns = f"writer, writer_seq, CAST(name AS BLOB), salt, {value}"
        raw.execute(f"INSERT INTO audit_value SELECT {columns} FROM audit_value WHERE name = 'phone'")
        assert (store.verify("acme").seq, store.verify("acme").how) == (0, How.ALTERED)
