r"""The lines of an exported log, from which it verifies without a database.

One JSON document a line, in one file or in several that follow one another:

    {"export":"govflow-audit","format":1,"from":{"hash":"sha256:…","size":0},"tenant":"acme"}
    {"hash":"sha256:…","leaf":{"body":…,"prev":"sha256:…","seq":0}}
    {"checkpoint":"log.example/acme\n1\n…"}

The first line of each file says how many records come before it and the hash of the last of them. What stands behind
``"leaf":`` are the bytes that are hashed (:mod:`govflow.audit.record`), never a re-serialisation; a line that is not of
this form is a record that was altered. The checkpoint covers all records and is the last line of the last file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from govflow.audit.leaf import leaf_bytes
from govflow.audit.record import GENESIS, Entry

NAME: Final = "govflow-audit"
FORMAT: Final = 1

_HASH: Final = len(GENESIS)  # bytes of a hash as it is written
_OPENS: Final = b'{"hash":"'
_LEAF: Final = b'","leaf":{"body":'
_PREV: Final = b',"prev":"'
_SEQ: Final = b'","seq":'
_NOTE: Final = b'{"checkpoint":'


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file. ``size``: records before it; ``hash``: of the last of them, zeros if there is none."""

    tenant: str
    size: int
    hash: str

    def line(self) -> bytes:
        """The line, with its end."""
        before = {"hash": self.hash, "size": self.size}
        return orjson.dumps({"export": NAME, "format": FORMAT, "from": before, "tenant": self.tenant}) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Header:
        """Read such a line.

        Raises:
            ValueError: it is none, or of a format that this version does not know.
        """
        try:
            found = orjson.loads(line)
            if found["export"] != NAME:
                raise ValueError("it is no export of an audit log")
            if found["format"] != FORMAT:
                raise ValueError(f"it is of format {found['format']!r}, and this version reads {FORMAT}")
            tenant, size, last = found["tenant"], found["from"]["size"], found["from"]["hash"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ValueError("its first line is not that of an export of an audit log") from None
        if not (isinstance(tenant, str) and type(size) is int and size >= 0 and isinstance(last, str)):
            raise ValueError("its first line does not say which records follow")
        return cls(tenant, size, last)


def record_line(entry: Entry) -> bytes:
    """The line of a record, with its end."""
    return b'{"hash":"%b","leaf":%b}\n' % (entry.hash.encode(), leaf_bytes(entry.seq, entry.prev, entry.body))


def checkpoint_line(note: str) -> bytes:
    """The line of a signed note, with its end."""
    return orjson.dumps({"checkpoint": note}) + b"\n"


def checkpoint_in(line: bytes) -> str | None:
    """The note of such a line; None of any other line.

    Raises:
        ValueError: it begins as the line of a checkpoint and is none.
    """
    if not line.startswith(_NOTE):
        return None
    note = orjson.loads(line)["checkpoint"]
    if not isinstance(note, str):
        raise ValueError("it is no signed note")
    return note


def entry_in(line: bytes, place: int) -> Entry:
    """The record of a line as it claims to be; nothing of it is checked.

    Args:
        line: with its end, as it was read.
        place: where it stands. A line of another form gives an entry of that place whose hash cannot be right, so that
            whoever verifies finds it altered there.
    """
    hash_end = len(_OPENS) + _HASH
    body_at = hash_end + len(_LEAF)
    body_end = line.rfind(_PREV)
    prev_at = body_end + len(_PREV)
    seq_at = prev_at + _HASH + len(_SEQ)
    try:
        entry = Entry(
            int(line[seq_at:-3]),
            line[prev_at : prev_at + _HASH].decode(),
            line[body_at:body_end],
            line[len(_OPENS) : hash_end].decode(),
        )
    except ValueError:
        return _altered(line, place)
    # Written again it is the same line: then the parts are where they were looked for, and nothing stands beside them.
    return entry if record_line(entry) == line else _altered(line, place)


def _altered(line: bytes, place: int) -> Entry:
    return Entry(place, GENESIS, line, GENESIS)
