"""Every way of tampering with a log, in SQLite, in PostgreSQL and in an export: found, and at the right record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from govflow.audit.checkpoint import Checkpoint, sign_checkpoint
from govflow.audit.spans import Held
from govflow.audit.verify import How, Outcome
from govflow.errors import InputError
from govflow.services import export_parts
from govflow.services.seal_log import held_checkpoint
from govflow.store import verifying
from govflow.store.statements import run
from tests.servers import a_database, url_of
from tests.services.tampering.attacks import ATTACKS, OPEN, Scene
from tests.services.tampering.logs import KEY, ORIGIN, SIZE, InDatabase, InFiles, Medium, tree_of

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
FOREIGN_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@pytest.fixture(scope="module", autouse=True)
def small_spans() -> Iterator[None]:
    """Spans of eight, so that a log of a few records has several."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(verifying, "SPAN", 8)
        patched.setattr(export_parts, "SPAN", 8)
        yield


@pytest.fixture(scope="module")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InDatabase]:
    found = InDatabase(f"sqlite:///{tmp_path_factory.mktemp('tampered')}/log.db")
    yield found
    found.close()


@pytest.fixture(scope="module")
def in_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InDatabase]:
    with pytest.MonkeyPatch.context() as patched, a_database() as name:
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # spools lie there
        found = InDatabase(url_of(name))
        yield found
        found.close()


@pytest.fixture(scope="module")
def in_files(in_sqlite: InDatabase, tmp_path_factory: pytest.TempPathFactory) -> InFiles:
    return InFiles(in_sqlite, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module", params=["in_sqlite", "in_postgresql", "in_files"])
def medium(request: pytest.FixtureRequest) -> Medium:
    found: Medium = request.getfixturevalue(request.param)
    return found


def scene_of(medium: Medium, data: st.DataObject) -> tuple[Scene, Held]:
    """A log of some size, and a checkpoint of some of it that somebody has kept."""
    size = data.draw(st.integers(3, SIZE), label="size")
    kept = data.draw(st.integers(1, size), label="kept")
    rows = medium.rows[:size]
    return Scene(rows, medium.foreign[:size], kept), Held(kept, tree_of(rows[:kept]).root())


@pytest.mark.covers("S4-29")
@pytest.mark.parametrize("attack", ATTACKS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_was_done_is_found_at_its_record(medium: Medium, attack: str, data: st.DataObject) -> None:
    if attack == "a search column changed" and isinstance(medium, InFiles):
        return  # an export has none
    scene, held = scene_of(medium, data)
    done = ATTACKS[attack](scene, data)
    verdict = medium.verdict(done.rows, done.rows if done.consistent else scene.rows, held)
    if verdict.outcome is Outcome.VERIFIED:
        assert OPEN in done.said, "beyond what the checkpoint covers only"
        return
    if isinstance(medium, InFiles) and attack == "a record appended":
        assert (verdict.outcome, "behind the checkpoint" in verdict.words) == (Outcome.CANNOT_JUDGE, True)
        return
    right = set(done.said)
    if attack in {"a record changed, its hash made anew", "a record inserted"}:
        # Nothing behind it tells of it before the checkpoint does that ends with it.
        ends = {held.size - 1} | ({len(scene.rows) - 1} if isinstance(medium, InFiles) else set())
        right |= {(seq, How.REWRITTEN) for seq, _ in done.said if seq in ends}
    assert verdict.outcome is Outcome.TAMPERED
    assert (verdict.seq, verdict.how) in right, verdict


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_nobody_touched_is_verified(medium: Medium, data: st.DataObject) -> None:
    scene, held = scene_of(medium, data)
    verdict = medium.verdict(scene.rows, scene.rows, data.draw(st.sampled_from([None, held])))
    assert (verdict.outcome, verdict.records) == (Outcome.VERIFIED, len(scene.rows)), verdict


@pytest.mark.parametrize(
    ("change", "seq", "how"),
    [
        ("size = size - 1, peaks = {shorter}", SIZE - 1, How.INSERTED),
        ("size = size + 1", SIZE - 1, How.ALTERED),
        ("hash = {zeros}", SIZE - 1, How.ALTERED),
        ("peaks = {zeros} ", SIZE - 1, How.ALTERED),
        ("hash = {nothing}", SIZE - 1, How.ALTERED),
    ],
)
def test_a_head_that_was_changed_is_told_from_its_records(
    request: pytest.FixtureRequest, change: str, seq: int, how: How
) -> None:
    for name in ("in_sqlite", "in_postgresql"):
        found: InDatabase = request.getfixturevalue(name)
        blob = "X'{}'" if name == "in_sqlite" else "'\\x{}'::bytea"
        values = {
            "shorter": blob.format(tree_of(found.rows[:-1]).to_bytes().hex()),
            "zeros": blob.format("00" * 32),
            "nothing": blob.format(""),
        }
        with found.changed(found.rows, found.rows) as connection:
            run(connection, f"UPDATE audit_head SET {change.format(**values)} WHERE tenant = 'acme'")
            verdict = verifying.verify_at_one_moment(found._db, connection, "acme", None, None, lambda *_: None)
        expected: Any = (seq, how)
        assert (verdict.seq, verdict.how) == expected, (name, verdict)


def test_a_head_that_was_taken_away_is_missed(request: pytest.FixtureRequest) -> None:
    for name in ("in_sqlite", "in_postgresql"):
        found: InDatabase = request.getfixturevalue(name)
        with found.changed(found.rows, found.rows) as connection:
            run(connection, "DELETE FROM audit_head WHERE tenant = 'acme'")
            verdict = verifying.verify_at_one_moment(found._db, connection, "acme", None, None, lambda *_: None)
        assert (verdict.outcome, verdict.seq, verdict.how) == (Outcome.TAMPERED, 0, How.INSERTED)


@pytest.mark.parametrize("column", ["seq", "prev", "hash", "body", "subject", "writer_seq", "at"])
def test_a_value_of_no_kind_that_a_record_has_is_a_record_that_was_altered(in_sqlite: InDatabase, column: str) -> None:
    """SQLite takes any value in any column, and text that is no UTF-8."""
    for value in ("'text'", "CAST(X'FF' AS TEXT)", "NULL", "1.5"):
        with in_sqlite.changed(in_sqlite.rows, in_sqlite.rows) as connection:
            run(connection, f"UPDATE audit_record SET {column} = {value} WHERE seq = 9")
            verdict = verifying.verify_at_one_moment(in_sqlite._db, connection, "acme", None, None, lambda *_: None)
        assert verdict.outcome is Outcome.TAMPERED, (value, verdict)
        assert verdict.seq in ({9, 2} if column == "seq" else {9}), (value, verdict)


def test_what_stands_before_the_first_record_is_named(medium: Medium) -> None:
    if isinstance(medium, InFiles):
        return  # its lines have an order of their own
    before = medium.rows[0]._replace(seq=-3)
    verdict = medium.verdict([before, *medium.rows], medium.rows, None)
    assert verdict.outcome is Outcome.TAMPERED
    assert verdict.records == 0


def test_another_key_under_the_same_name_counts_for_nothing(in_files: InFiles) -> None:
    verdict = in_files.verdict(in_files.rows, in_files.rows, None, FOREIGN_KEY)
    assert verdict.outcome is Outcome.CANNOT_JUDGE
    assert "does not count" in verdict.words
    note = sign_checkpoint(Checkpoint(ORIGIN, SIZE, tree_of(in_files.rows).root()), FOREIGN_KEY)
    with pytest.raises(InputError, match="does not count"):
        held_checkpoint(str(note), [KEY])


def test_the_page_names_every_attack_of_the_matrix() -> None:
    section = PAGE.read_text().partition("### What is said of what")[2].partition("\n#")[0]
    told = re.findall(r"(?m)^\| ([^|]+?) \| [^|]+ \| [^|]+ \|$", section)
    assert set(ATTACKS) <= set(told)
