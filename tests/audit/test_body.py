"""A body is canonical bytes that its writer makes once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.body import commit, make_body, parse_body
from govflow.audit.record import Draft
from govflow.errors import CanonicalError, UnusableText, VocabularyError

AT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
SEARCHED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
"""Texts by which records are searched for."""


def test_a_body_has_these_bytes() -> None:
    draft = Draft("step.intent", "acme", AT, subject="alice", run_id="r", flow="f", step_id="s", attempt=1)
    assert make_body(draft, writer="w", writer_seq=7, commitments={"reason": "sha256:00"}) == (
        b'{"at":"2026-03-01T12:00:00.000005Z","attempt":1,"commitments":{"reason":"sha256:00"},"event":"step.intent",'
        b'"flow":"f","format":1,"payload":{},"run_id":"r","severity":"info","step_id":"s","subject":"alice",'
        b'"tenant":"acme","writer":"w","writer_seq":7}'
    )


def test_what_is_not_known_is_left_out() -> None:
    body = json.loads(make_body(Draft("run.opened", "acme", AT), writer="w", writer_seq=0, commitments={}))
    assert set(body) == {*("at", "event", "format", "payload", "severity", "subject", "tenant", "writer", "writer_seq")}


def test_one_moment_has_one_spelling() -> None:
    abroad = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    here, there = (
        make_body(Draft("run.opened", "a", at), writer="w", writer_seq=0, commitments={}) for at in (AT, abroad)
    )
    assert here == there


@given(
    st.builds(
        Draft,
        event=st.sampled_from(["step.intent", "ir.dag_diff_failed"]),
        tenant=SEARCHED,
        at=st.datetimes(timezones=st.just(UTC)),
        subject=SEARCHED,
        run_id=st.none() | SEARCHED,
        step_id=st.none() | st.text(),
        attempt=st.none() | st.integers(0, 9),
        payload=st.dictionaries(st.text(), st.floats(-1e15, 1e15) | st.text() | st.none()),
    )
)
def test_a_body_is_canonical_by_an_independent_implementation(draft: Draft) -> None:
    body = make_body(draft, writer="w", writer_seq=1, commitments={"b": "x", "a": "y"})
    assert rfc8785.dumps(json.loads(body)) == body
    assert json.loads(body)["payload"] == draft.payload
    assert datetime.fromisoformat(json.loads(body)["at"]) == draft.at


@pytest.mark.parametrize("where", ["tenant", "subject", "run_id", "rule"])
def test_a_nul_where_records_are_searched_by_it_is_refused(where: str) -> None:
    draft = Draft("step.intent", "acme", AT, flow="\0", step_id="\0", payload={"reason": "\0", "\0": 1})
    assert b"\\u0000" in make_body(draft, writer="w", writer_seq=0, commitments={}), "elsewhere it is as any other"
    changed: dict[str, Any] = {"payload": {"rule": "\0"}} if where == "rule" else {where: "a\0"}
    with pytest.raises(UnusableText, match="NUL"):
        make_body(replace(draft, **changed), writer="w", writer_seq=0, commitments={})


def test_a_name_that_is_not_text_is_refused_by_name() -> None:
    with pytest.raises(CanonicalError, match=r"step\.intent\.subject"):
        make_body(Draft("step.intent", "acme", AT, subject="\ud800"), writer="w", writer_seq=0, commitments={})


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_body(Draft("run.opened", "a", AT.replace(tzinfo=None)), writer="w", writer_seq=0, commitments={})


def test_a_payload_without_canonical_form_is_refused_by_name() -> None:
    draft = Draft("step.intent", "acme", AT, payload={"rows": [1, float("nan")]})
    with pytest.raises(CanonicalError, match=r"step\.intent\.payload\.rows\[1\]"):
        make_body(draft, writer="w", writer_seq=0, commitments={})


def test_an_unknown_event_has_no_body() -> None:
    with pytest.raises(VocabularyError):
        make_body(Draft("step.maybe", "acme", AT), writer="w", writer_seq=0, commitments={})


def test_a_commitment_is_the_hash_of_salt_and_canonical_value() -> None:
    salt = bytes(range(16))
    expected = hashlib.sha256(salt + b'{"a":1,"b":"x"}').hexdigest()
    assert commit({"b": "x", "a": 1}, salt) == "sha256:" + expected


def test_a_commitment_needs_its_whole_salt() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        commit("yes", b"short")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[]", "not an object"),
        (b'{"format":2}', "format 2"),
        (b'{"format":1,"at":"x"}', "event"),
        (b"\xff", "unexpected|invalid|valid UTF-8"),
    ],
)
def test_what_is_no_body_is_not_parsed(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_body(data)
