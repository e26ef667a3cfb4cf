"""Values are committed to, kept apart, and can be erased."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from govflow.audit.body import commit
from govflow.audit.verify import Outcome
from govflow.errors import CanonicalError
from govflow.store import Store
from tests.store.things import a_draft


@pytest.mark.parametrize("durable", [False, True])
def test_the_log_commits_to_a_value_that_it_does_not_hold(store: Store, durable: bool) -> None:
    ack = store.append(a_draft(values={"mail": "miller@example.org"}), durable=durable)
    body = json.loads(store.tail("acme", 1)[0].body)
    sealed = store.values.get(ack.writer, ack.writer_seq)["mail"]
    assert sealed.value == "miller@example.org"
    assert body["commitments"] == {"mail": commit(sealed.value, sealed.salt)}
    assert b"miller" not in store.tail("acme", 1)[0].body


def test_equal_values_have_unequal_commitments(store: Store) -> None:
    for _ in range(2):
        store.append(a_draft(values={"mail": "m", "name": "m"}), durable=False)
    bodies = [json.loads(entry.body)["commitments"] for entry in store.entries("acme")]
    assert len({text for body in bodies for text in body.values()}) == 4


@pytest.mark.covers("B-14")
def test_an_erased_value_is_gone_and_the_log_is_what_it_was(store: Store, tmp_path: Path) -> None:
    ack = store.append(a_draft(values={"mail": "miller@example.org"}), durable=True)
    before = store.head("acme")
    of = {"seq": 0, "writer": ack.writer, "writer_seq": ack.writer_seq, "names": ["mail"]}
    erasure = a_draft("value.erased", subject="olga", payload={"records": [of]})
    found = store.values.of("acme")
    assert [(one.seq, one.writer_seq, one.names) for one in found] == [(0, ack.writer_seq, ("mail",))]
    assert store.values.erase(found, erasure) == 1
    assert store.values.erase(found, erasure) == 0
    assert store.values.of("acme") == []
    assert store.values.get(ack.writer, ack.writer_seq) == {}
    first, second = store.entries("acme")
    assert (first.hash, second.prev) == (before.hash, before.hash)
    assert json.loads(second.body)["event"] == "value.erased"
    assert store.verify("acme").outcome is Outcome.VERIFIED


def test_the_values_of_a_part_of_the_log_are_read_together(store: Store) -> None:
    acks = [store.append(a_draft(values={"n": number}), durable=True) for number in range(5)]
    store.append(a_draft(tenant="umbrella", values={"n": 9}), durable=True)
    assert store.values.between("acme", 1, 3) == {
        (a.writer, a.writer_seq): {"n": n + 1} for n, a in enumerate(acks[1:4])
    }
    store.values.erase(store.values.of("acme", seq=2), a_draft("value.erased"))
    assert [values["n"] for values in store.values.between("acme", 1, 3).values()] == [1, 3]


def test_entries_of_some_events_come_in_their_order(store: Store) -> None:
    for event in ("step.intent", "step.outcome", "run.opened", "step.intent"):
        store.append(a_draft(event), durable=False)
    store.append(a_draft("step.intent", tenant="umbrella"), durable=False)
    assert [entry.seq for entry in store.entries_of("acme", ("step.intent", "run.opened"))] == [0, 2, 3]


def test_a_value_without_canonical_form_is_refused_by_name(store: Store) -> None:
    with pytest.raises(CanonicalError, match=r"step\.intent\.values\.frame"):
        store.append(a_draft(values={"frame": object()}), durable=False)
