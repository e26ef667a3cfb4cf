"""Checking a log span by span says what checking it record by record says, whatever was done to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govflow.audit.copies import moment_of
from govflow.audit.export import record_line
from govflow.audit.leaf import leaf_bytes, leaf_digest, leaf_hash
from govflow.audit.merkle import CompactRange
from govflow.audit.record import GENESIS, Copies, Entry, Head
from govflow.audit.spans import Held, Joined, Row, Span, SpanCheck, join, roots_of
from govflow.audit.verify import Verdict, verify
from tests.audit.test_verify import bodies_of, chained, head_of

SPAN = 8


def columns(seq: int) -> Copies:
    return Copies(f"w{seq % 2}", seq // 2, "step.intent", "anonymous", None, 1_772_323_200_000_000, None)


LOG = [replace(entry, copies=columns(entry.seq)) for entry in chained(bodies_of("acme", 37))]
FOREIGN = [replace(entry, copies=columns(entry.seq)) for entry in chained(bodies_of("rival", 37))]
HEAD = head_of(LOG)


def row_of(entry: Entry) -> Row:
    assert entry.copies is not None
    return (entry.seq, raw(entry.prev), raw(entry.hash), entry.body, *entry.copies)


def raw(digest: str) -> Any:
    return bytes.fromhex(digest[7:])


def by_spans(
    entries: list[Entry], head: Head | None, held: Held | None, also: list[Held], *, lines: bool, batch: int
) -> Verdict:
    """As the database and the export are checked: spans of eight, each in batches."""

    roots = roots_of([*([] if held is None else [held]), *also])

    def spans() -> Iterator[Span | None]:
        for start in range(0, len(entries), SPAN):
            end = min(start + SPAN, len(entries))
            check = SpanCheck("acme", start, [size for size in sorted(roots) if size <= end])
            for at in range(start, end, batch):
                some = entries[at : min(at + batch, end)]
                if not (check.lines(list(map(record_line, some))) if lines else check.rows(list(map(row_of, some)))):
                    break
            yield check.result() if check.place == end else None

    good = Joined("acme")
    join(good, spans(), roots, len(entries), lambda done, total: None)
    return verify(iter(entries[good.size :]), head, held, good, also)


def again(entries: list[Entry], start: int) -> list[Entry]:
    """Hashes made anew from a place on, as whoever holds the database can."""
    made, prev = entries[:start], entries[start - 1].hash if start else GENESIS
    for seq, entry in enumerate(entries[start:], start):
        made.append(replace(entry, seq=seq, prev=prev, hash=leaf_hash(leaf_bytes(seq, prev, entry.body))))
        prev = made[-1].hash
    return made


Case = tuple[list[Entry], Head | None, Held | None, list[Held]]


@st.composite
def tampered(draw: st.DrawFn) -> Case:
    entries, head = list(LOG), HEAD
    k, other = draw(st.integers(0, len(LOG) - 1)), draw(st.integers(0, len(LOG) - 1))
    kind = draw(st.sampled_from(["none", "flip", "drop", "move", "twice", "foreign", "cut", "column", "body", "more"]))
    if kind == "flip":
        body = bytearray(LOG[k].body)
        body[draw(st.integers(0, len(body) - 1))] ^= draw(st.integers(1, 255))
        entries[k] = replace(LOG[k], body=bytes(body))
    elif kind == "drop":
        del entries[k]
    elif kind == "move":
        entries[k], entries[other] = entries[other], entries[k]
    elif kind == "twice":
        entries.insert(other, entries[k])
    elif kind == "foreign":
        entries[k] = FOREIGN[k]
    elif kind == "cut":
        del entries[k:]
    elif kind == "column":
        whole = columns(k)
        others = [
            whole._replace(run_id="r"),
            whole._replace(at=1),
            whole._replace(rule="r"),
            whole._replace(event="run.opened"),
        ]
        changed = draw(st.sampled_from(others))
        entries[k] = replace(LOG[k], copies=changed)
    elif kind == "body":
        bad = [b"[]", b"{}", b"nothing", LOG[k].body.replace(b'"format":1', b'"format":2'), b'{"writer":[]}']
        entries[k] = replace(LOG[k], body=draw(st.sampled_from(bad)))
    if kind in {"flip", "drop", "move", "twice", "foreign", "body"} and draw(st.booleans()):
        entries = again(entries, min(k, other))
        head = head_of(entries) if draw(st.booleans()) else head
    if kind == "more":
        head = head_of(entries[:k])
    sizes = st.integers(1, len(LOG))
    checkpoints = sizes.map(lambda size: Held(size, raw(head_of(LOG[:size]).root)))
    lies = sizes.map(lambda size: Held(size, bytes(32)))
    held = draw(st.none() | checkpoints)
    also = [one._replace(kept="its drawer") for one in draw(st.lists(checkpoints | lies, max_size=4))]
    return entries, draw(st.sampled_from([head, head, None])), held, also


@pytest.mark.covers("S4-29")
@settings(max_examples=400, deadline=None)
@given(tampered(), st.booleans(), st.integers(1, SPAN + 1))
def test_spans_and_single_records_give_one_verdict(case: Case, lines: bool, batch: int) -> None:
    entries, head, held, also = case
    if lines:  # an export has no columns
        entries = [replace(entry, copies=None) for entry in entries]
    after = Joined("acme")
    assert by_spans(entries, head, held, also, lines=lines, batch=batch) == verify(entries, head, held, after, also)


def test_a_whole_log_needs_no_look_at_single_records() -> None:
    told: list[int] = []
    for lines in (False, True):
        good = Joined("acme")
        spans = []
        for start in range(0, len(LOG), SPAN):
            check = SpanCheck("acme", start)
            some = LOG[start : start + SPAN]
            assert check.lines(list(map(record_line, some))) if lines else check.rows(list(map(row_of, some)))
            spans.append(check.result())
        join(good, spans, {}, len(LOG), lambda done, total: told.append(done))
        assert (good.size, good.prev, good.tree.root()) == (len(LOG), raw(HEAD.hash), raw(HEAD.root))
    assert told == [8, 16, 24, 32, 37] * 2


@given(st.integers(0, 700), st.integers(0, 700), st.integers(0, 700))
def test_leaves_that_are_added_many_at_once_make_the_same_tree(one: int, two: int, three: int) -> None:
    leaves = [leaf_digest(number.to_bytes(4)) for number in range(one + two + three)]
    singly, at_once = CompactRange(), CompactRange()
    for leaf in leaves:
        singly.append(leaf)
    for start, end in ((0, one), (one, one + two), (one + two, len(leaves))):
        at_once.extend(leaves[start:end])
    assert (at_once.size, at_once.to_bytes()) == (singly.size, singly.to_bytes())


@pytest.mark.parametrize(("before", "size", "peaks"), [(1, 2, 1), (4, 8, 1), (0, 3, 1), (0, 0, 1)])
def test_a_subtree_is_put_only_where_one_begins(before: int, size: int, peaks: int) -> None:
    tree = CompactRange()
    tree.extend([bytes(32)] * before)
    with pytest.raises(ValueError, match="cannot be put behind"):
        tree.append_subtrees([bytes(32)] * peaks, size)


def test_the_time_of_a_body_has_one_spelling() -> None:
    assert moment_of("1970-01-01T00:00:01.000002Z") == 1_000_002
    for other in ("1970-01-01T00:00:01Z", "1970-01-01T00:00:01.000002", "1970-01-01T00:00:01,000002Z", ""):
        with pytest.raises(ValueError, match="spelled"):
            moment_of(other)
