"""Checkpoints: signed once for a size, over a tree that the records lead to, with proofs that hold."""

from __future__ import annotations

from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.checkpoint import checkpoint_of, open_checkpoint, origin_of, sign_checkpoint
from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.merkle import verify_consistency, verify_inclusion
from govflow.audit.record import Head
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.errors import RequestError, StoreError
from govflow.store import Store
from govflow.store import tiles as tiles_module
from govflow.store.seals import Sealed
from tests.store.seen_raw import REFUSALS, Raw
from tests.store.things import NOW, a_draft, forked, reaped

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "govflow.example/db-1"


def sign(head: Head, log: str) -> str:
    return str(sign_checkpoint(checkpoint_of(head, log), PRIVATE))


def grown(store: Store, count: int, tenant: str = "acme") -> None:
    for number in range(count):
        store.append(a_draft(tenant=tenant, payload={"n": number}), durable=False)


def seal(store: Store, tenant: str = "acme") -> Sealed:
    found = store.seals.seal(tenant, NAME, sign, NOW)
    assert found is not None
    return found


def opened(sealed: Sealed) -> tuple[int, bytes]:
    origin = origin_of(NAME, sealed.tenant)
    key = VerifierKey(origin, Kind.NOTE, PRIVATE.public_key().public_bytes_raw())
    checkpoint = open_checkpoint(sealed.note, origin=origin, keys=[key]).checkpoint
    return checkpoint.size, checkpoint.root


def test_a_checkpoint_is_what_the_log_says_of_itself_and_is_made_once(store: Store) -> None:
    assert store.seals.seal("acme", NAME, sign, NOW) is None, "nothing to sign yet"
    grown(store, 3)
    first = seal(store)
    head = store.head("acme")
    assert opened(first) == (3, bytes.fromhex(head.root.removeprefix("sha256:")))
    assert seal(store) == first, "nothing was written since"
    grown(store, 1)
    second = store.seals.seal("acme", "another/name", sign, NOW)
    assert second is not None and opened(second)[0] == 4, "the name of the logs stays"
    assert store.seals.name() == NAME
    assert [one.size for one in store.seals.last("acme")] == [4, 3]
    assert store.seals.newest("acme") == second
    assert store.seals.newest("other") is None


@pytest.mark.parametrize("sizes", [(1, 2, 3), (255, 256, 257), (600, 1300)])
def test_every_record_is_proven_against_the_newest_and_each_checkpoint_grew_from_the_one_before(
    store: Store, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]
) -> None:
    monkeypatch.setattr(tiles_module, "_LEAVES", 100)  # several transactions for one checkpoint
    made = []
    for before, size in pairwise((0, *sizes)):
        grown(store, size - before)
        made.append(opened(seal(store)))
    last_size, last_root = made[-1]
    for seq in {0, 1, last_size // 2, last_size - 1} & set(range(last_size)):
        found = store.seals.prove("acme", seq)
        leaf = leaf_digest(leaf_bytes(found.entry.seq, found.entry.prev, found.entry.body))
        verify_inclusion(leaf, seq, last_size, found.hashes, last_root)
    for size, root in made:
        newest, hashes = store.seals.consistency("acme", size)
        assert newest.size == last_size
        verify_consistency(size, last_size, hashes, root, last_root)


def test_what_no_checkpoint_covers_is_not_proven(store: Store) -> None:
    grown(store, 2)
    store.flush()
    with pytest.raises(RequestError, match="No checkpoint covers record 0"):
        store.seals.prove("acme", 0)
    seal(store)
    grown(store, 1)
    store.flush()
    with pytest.raises(RequestError, match="No checkpoint covers record 2"):
        store.seals.prove("acme", 2)
    with pytest.raises(RequestError, match="covers 3 records"):
        store.seals.consistency("acme", 3)


def test_a_place_that_the_log_does_not_have_is_not_one_that_a_checkpoint_could_cover(store: Store) -> None:
    with pytest.raises(RequestError, match="no record 0: it has none"):
        store.seals.prove("acme", 0)
    grown(store, 2)
    store.flush()
    seal(store)
    for place in (-1, 2, 2**70):
        with pytest.raises(RequestError, match=f"no record {place}: it has those from 0 to 1"):
            store.seals.prove("acme", place)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_checkpoint SET note = 'x'", "DELETE FROM audit_checkpoint", "TRUNCATE audit_checkpoint"],
)
def test_the_database_refuses_to_change_a_checkpoint(store: Store, raw: Raw, statement: str) -> None:
    grown(store, 1)
    seal(store)
    with pytest.raises(REFUSALS, match="append-only" if not raw.is_sqlite or "TRUN" not in statement else "syntax"):
        raw.execute(statement)


def test_nothing_is_signed_over_a_log_that_was_changed(store: Store, raw: Raw) -> None:
    grown(store, 5)
    seal(store)
    grown(store, 1)
    store.flush()
    raw.without_triggers("audit_record", "DELETE FROM audit_record WHERE seq = 5")
    with pytest.raises(StoreError, match="Records are missing"):
        seal(store)
    assert [one.size for one in store.seals.last("acme")] == [5]


def test_nothing_is_signed_over_a_head_that_was_set_back(store: Store, raw: Raw) -> None:
    grown(store, 5)
    seal(store)
    raw.execute("UPDATE audit_head SET size = 4, peaks = (SELECT hash FROM audit_record WHERE seq = 3)")
    with pytest.raises(StoreError, match="it was cut"):
        seal(store)


def test_tiles_that_somebody_changed_prove_nothing_and_can_be_made_anew(store: Store, raw: Raw) -> None:
    grown(store, 300)
    _, root = opened(seal(store))
    other = "zeroblob(16352)" if raw.is_sqlite else "decode(repeat('00', 16352), 'hex')"
    raw.execute(f"UPDATE audit_tile SET hashes = {other} WHERE level = 0 AND place = 0")
    found = store.seals.prove("acme", 7)
    leaf = leaf_digest(leaf_bytes(7, found.entry.prev, found.entry.body))
    with pytest.raises(ValueError, match="root"):
        verify_inclusion(leaf, 7, 300, found.hashes, root)
    grown(store, 1)
    raw.execute("UPDATE audit_tile SET width = 3 WHERE level = 0 AND place = 1")
    with pytest.raises(StoreError, match="audit_tile is not what govflow wrote"):
        seal(store)
    raw.execute("DELETE FROM audit_tile")
    seal(store)
    again = store.seals.prove("acme", 7)
    assert again.hashes != found.hashes


def test_processes_that_seal_at_once_sign_each_size_once(url: str, store: Store) -> None:
    def seals() -> None:
        with Store.open(url) as mine:
            for _ in range(5):
                grown(mine, 3)
                seal(mine)

    assert reaped(*[forked(seals) for _ in range(4)]) == [0] * 4
    made = store.seals.last("acme")
    assert made[0].size == 60
    assert all(opened(one)[0] == one.size for one in made)
    newest, hashes = store.seals.consistency("acme", made[-1].size)
    verify_consistency(made[-1].size, 60, hashes, opened(made[-1])[1], opened(newest)[1])


def test_each_tenant_has_checkpoints_of_its_own(store: Store) -> None:
    grown(store, 2)
    grown(store, 3, "other")
    assert (opened(seal(store))[0], opened(seal(store, "other"))[0]) == (2, 3)
    assert "other" in seal(store, "other").note.splitlines()[0]
