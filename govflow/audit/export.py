r"""The lines of an exported log, from which it verifies without a database.

One JSON document a line, in one file or in several that follow one another:

    {"export":"govflow-audit","format":1,"from":{"hash":"sha256:…","size":0},"tenant":"acme"}
    {"hash":"sha256:…","leaf":{"body":…,"prev":"sha256:…","seq":0}}
    {"checkpoint":"log.example/acme\n1\n…"}

The first line of each file says how many records come before it, the hash of the last of them and, under ``tree``, the
hashes of the full subtrees that they make up, the largest first (RFC 9162, 2.1): with these a file leads to the root of
the checkpoint without those before it, and a line that says something else does not. What stands behind
``"leaf":`` are the bytes that are hashed (:mod:`govflow.audit.record`), never a re-serialisation; a line that is not of
this form is a record that was altered. The checkpoint covers all records and is the last line of the last file. A
folder that is exported into each day has one behind what each day brought.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson

from govflow.audit.leaf import leaf_bytes
from govflow.audit.merkle import HASH_SIZE, CompactRange
from govflow.audit.record import GENESIS, Entry

NAME: Final = "govflow-audit"
FORMAT: Final = 1

_HASH: Final = len(GENESIS)  # bytes of a hash as it is written
_SPELLED: Final = re.compile("sha256:[0-9a-f]{64}")
_OPENS: Final = b'{"hash":"'
_LEAF: Final = b'","leaf":{"body":'
_PREV: Final = b',"prev":"'
_SEQ: Final = b'","seq":'
NOTE: Final = b'{"checkpoint":'
"""How the line of a checkpoint begins."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file. ``size``: records before it; ``hash``: of the last of them, zeros if there is none.

    ``peaks`` are the full subtrees of these records, the largest first; empty also where an older version wrote none.
    """

    tenant: str
    size: int
    hash: str
    peaks: tuple[bytes, ...] = ()

    def line(self) -> bytes:
        """The line, with its end."""
        before: dict[str, object] = {"hash": self.hash, "size": self.size}
        if self.peaks:
            before["tree"] = [peak.hex() for peak in self.peaks]
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
            before = found["from"]
            tenant, size, last, tree = found["tenant"], before["size"], before["hash"], before.get("tree", [])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise ValueError("its first line is not that of an export of an audit log") from None
        if not (isinstance(tenant, str) and type(size) is int and size >= 0 and isinstance(last, str)):
            raise ValueError("its first line does not say which records follow")
        header = cls(tenant, size, _hash(last), _peaks(size, tree))
        if header.line() != line:
            raise ValueError("its first line is not spelled as that of an export is")
        return header


def _hash(written: str) -> str:
    if _SPELLED.fullmatch(written) is None:
        raise ValueError("its first line names no hash of the record before")
    return written


def _peaks(size: int, written: object) -> tuple[bytes, ...]:
    if written == []:
        return ()
    if not (isinstance(written, list) and all(isinstance(one, str) and len(one) == 2 * HASH_SIZE for one in written)):
        raise ValueError("its first line does not say what the records before make up")
    return tuple(CompactRange(size, map(bytes.fromhex, written)).peaks())


def record_line(entry: Entry) -> bytes:
    """The line of a record, with its end."""
    return b'{"hash":"%b","leaf":%b}\n' % (entry.hash.encode(), leaf_bytes(entry.seq, entry.prev, entry.body))


def checkpoint_line(note: str) -> bytes:
    """The line of a signed note, with its end."""
    return orjson.dumps({"checkpoint": note}) + b"\n"


def checkpoint_in(line: bytes) -> str | None:
    """The note of such a line; None of any other line.

    Raises:
        ValueError: it begins as the line of a checkpoint and is none, or is spelled in another way.
    """
    if not line.startswith(NOTE):
        return None
    note = orjson.loads(line)["checkpoint"]
    if not isinstance(note, str) or checkpoint_line(note) != line:
        raise ValueError("it is no signed note")
    return note


def hash_in(line: bytes) -> str:
    """What the line of a record gives as its hash; nothing of it is checked."""
    return line[len(_OPENS) : len(_OPENS) + _HASH].decode(errors="replace")


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
