"""What somebody who owns the database, or the files of an export, can do to a log of rows.

An attack takes the rows of a log in order and gives those that stand there afterwards, with the verdicts that are
right: each the place of a record and a word. ``OPEN`` among them says that it may pass: the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.verify import How

COLUMNS = ("seq", "prev", "hash", "body", "writer", "writer_seq", "event", "subject", "run_id", "at", "rule")
GENESIS = bytes(32)
OPEN = (-1, None)


class Row(NamedTuple):
    """A row of ``audit_record``, without its tenant."""

    seq: Any
    prev: Any
    hash: Any
    body: Any
    writer: Any
    writer_seq: Any
    event: Any
    subject: Any
    run_id: Any
    at: Any
    rule: Any


Said = tuple[int, How | None]


@dataclass(frozen=True)
class Done:
    """What stands there now. ``consistent``: head and checkpoints were made anew to fit, with the log's own key."""

    rows: list[Row]
    said: frozenset[Said]
    consistent: bool = False


@dataclass(frozen=True)
class Scene:
    """The logs before: of the tenant and of another one; and how many records somebody has a checkpoint of."""

    rows: list[Row]
    foreign: list[Row]
    held: int


Attack = Callable[[Scene, st.DataObject], Done]


def hashed(row: Row, seq: int, prev: bytes) -> Row:
    """The row at a place, with the hash that is right there."""
    return row._replace(seq=seq, prev=prev, hash=leaf_digest(leaf_bytes(seq, "sha256:" + prev.hex(), row.body)))


def again(rows: Sequence[Row], start: int) -> list[Row]:
    """Every place, ``prev`` and hash made anew from a place on."""
    made = list(rows[:start])
    for row in rows[start:]:
        made.append(hashed(row, len(made), made[-1].hash if made else GENESIS))
    return made


def place(scene: Scene, data: st.DataObject, least: int = 0, most: int | None = None) -> int:
    return data.draw(st.integers(least, len(scene.rows) - 1 if most is None else most), label="place")


def flipped(value: bytes | str, data: st.DataObject) -> Any:
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7 if isinstance(value, bytes) else 6))
    return bytes(raw) if isinstance(value, bytes) else raw.decode("ascii", "replace").replace("\0", "?")


def said(*all_of: Said) -> frozenset[Said]:
    return frozenset(all_of)


def flip(scene: Scene, data: st.DataObject) -> Done:
    """One bit of what is hashed, or of a hash."""
    k, column = place(scene, data), data.draw(st.sampled_from(["prev", "hash", "body"]))
    rows = list(scene.rows)
    rows[k] = rows[k]._replace(**{column: flipped(getattr(rows[k], column), data)})
    return Done(rows, said((k, How.ALTERED)))


def flip_column(scene: Scene, data: st.DataObject) -> Done:
    """One bit of a column that repeats what the body says, or no value at all where one was, or one where none was."""
    k, column = place(scene, data), data.draw(st.sampled_from(COLUMNS[4:]))
    value = getattr(scene.rows[k], column)
    if isinstance(value, int):
        value ^= 1 << data.draw(st.integers(0, 20))
    else:
        value = "x" if value is None else flipped(value, data) if value else "x"
    rows = list(scene.rows)
    rows[k] = rows[k]._replace(**{column: value})
    return Done(rows, said((k, How.ALTERED)))


def alter_and_hash(scene: Scene, data: st.DataObject) -> Done:
    """Another body, whose own hash is right."""
    k = place(scene, data)
    rows = list(scene.rows)
    body = rows[k].body.replace(b'"severity":"info"', b'"severity":"error"')
    rows[k] = hashed(rows[k]._replace(body=body), k, rows[k].prev)
    return Done(rows, said((k, How.ALTERED)))


def delete(scene: Scene, data: st.DataObject) -> Done:
    k = place(scene, data)
    last = k == len(scene.rows) - 1
    return Done(scene.rows[:k] + scene.rows[k + 1 :], said((k, How.TRUNCATED if last else How.MISSING)))


def delete_and_renumber(scene: Scene, data: st.DataObject) -> Done:
    k = place(scene, data, most=len(scene.rows) - 2)
    rest = [row._replace(seq=row.seq - 1) for row in scene.rows[k + 1 :]]
    return Done(scene.rows[:k] + rest, said((k, How.MISSING)))


def forged(scene: Scene, k: int) -> Row:
    """A record that was never written, good by itself at its place."""
    model = scene.rows[k - 1]
    body = model.body.replace(f'"writer":"{model.writer}"'.encode(), b'"writer":"evil"')
    body = body.replace(f'"writer_seq":{model.writer_seq}}}'.encode(), b'"writer_seq":0}')
    return hashed(model._replace(body=body, writer="evil", writer_seq=0), k, model.hash)


def insert(scene: Scene, data: st.DataObject) -> Done:
    """And what stood there and behind is pushed on."""
    k = place(scene, data, 1)
    pushed = [row._replace(seq=row.seq + 1) for row in scene.rows[k:]]
    return Done([*scene.rows[:k], forged(scene, k), *pushed], said((k, How.INSERTED)))


def append(scene: Scene, data: st.DataObject) -> Done:
    """A record behind the last."""
    size = len(scene.rows)
    return Done([*scene.rows, forged(scene, size)], said((size, How.INSERTED)))


def exchange(scene: Scene, data: st.DataObject) -> Done:
    """Two records take each other's place and number."""
    k = place(scene, data, most=len(scene.rows) - 2)
    other = place(scene, data, k + 1)
    rows = list(scene.rows)
    rows[k], rows[other] = rows[other]._replace(seq=k), rows[k]._replace(seq=other)
    # What comes next to its own place is told by the number it was written with; the words are of the same record.
    return Done(rows, said((k, How.REORDERED), (k, How.MISSING)))


def duplicate(scene: Scene, data: st.DataObject) -> Done:
    """A record stands a second time right behind itself, and the rest is pushed on."""
    k = place(scene, data)
    rest = [row._replace(seq=row.seq + 1) for row in scene.rows[k:]]
    return Done([*scene.rows[: k + 1], *rest], said((k + 1, How.DUPLICATE), (k, How.INSERTED)))


def transplant(scene: Scene, data: st.DataObject) -> Done:
    """A record of another tenant in the place of one."""
    k = place(scene, data, most=min(len(scene.rows), len(scene.foreign)) - 1)
    rows = list(scene.rows)
    rows[k] = scene.foreign[k]
    return Done(rows, said((k, How.TRANSPLANTED)))


def cut(scene: Scene, data: st.DataObject) -> Done:
    k = place(scene, data)
    return Done(scene.rows[:k], said((k, How.TRUNCATED)))


def roll_back(scene: Scene, data: st.DataObject) -> Done:
    """An older state, with the head and the checkpoints of then."""
    k = place(scene, data)
    return Done(scene.rows[:k], said((k, How.TRUNCATED) if k < scene.held else OPEN), consistent=True)


def fork(scene: Scene, data: st.DataObject) -> Done:
    """Other records from a place on, all hashes, the head and the checkpoints made to fit."""
    k = place(scene, data)
    body = scene.rows[k].body.replace(b'"severity":"info"', b'"severity":"error"')
    rows = again([*scene.rows[:k], scene.rows[k]._replace(body=body), *scene.rows[k + 1 :]], k)
    return Done(rows, said((scene.held - 1, How.REWRITTEN) if k < scene.held else OPEN), consistent=True)


def insert_and_rewrite(scene: Scene, data: st.DataObject) -> Done:
    """A record that was never written, and everything behind it made to fit."""
    k = place(scene, data, 1)
    rows = again([*scene.rows[:k], forged(scene, k), *scene.rows[k:]], k)
    return Done(rows, said((scene.held - 1, How.REWRITTEN) if k < scene.held else OPEN), consistent=True)


def delete_and_rewrite(scene: Scene, data: st.DataObject) -> Done:
    """A record less, and everything behind it made to fit: its writer's numbers tell, if that wrote again."""
    k = place(scene, data)
    gone = scene.rows[k]
    rows = again(scene.rows[:k] + scene.rows[k + 1 :], k)
    later = [row.seq for row in rows[k:] if row.writer == gone.writer]
    found: list[Said] = [(row, How.WRITER_GAP) for row in later[:1]]
    if k < scene.held:
        short = len(rows) < scene.held
        found.append((len(rows), How.TRUNCATED) if short else (scene.held - 1, How.REWRITTEN))
    return Done(rows, said(*(found or [OPEN])), consistent=True)


ATTACKS: dict[str, Attack] = {
    "a bit of a record flipped": flip,
    "a search column changed": flip_column,
    "a record changed, its hash made anew": alter_and_hash,
    "a record deleted": delete,
    "a record deleted, the rest renumbered": delete_and_renumber,
    "a record inserted": insert,
    "a record appended": append,
    "two records exchanged": exchange,
    "a record doubled": duplicate,
    "a record of another tenant put in": transplant,
    "the end cut off": cut,
    "everything set back to an older state": roll_back,
    "a record changed, all behind it rewritten": fork,
    "a record inserted, all behind it rewritten": insert_and_rewrite,
    "a record deleted, all behind it rewritten": delete_and_rewrite,
}
