"""Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature.

    — NAME BASE64(key id || signature)

``parse_note`` reads the form and trusts nothing; ``open_note`` is the only way to a text that can be believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.spelling import Malformed, from_base64, from_utf8, to_base64
from govflow.audit.verifier_key import KEY_ID_BYTES, Kind, VerifierKey, check_name

MOST_SIGNATURES: Final = 100  # "Format": at least 16 have to be accepted
MOST_BYTES: Final = 1 << 20
_DASH: Final = "— "


class NotTrusted(ValueError):
    """The form is right, and yet what is said cannot be believed."""


class UnknownSigners(NotTrusted):
    """No key that is trusted here has signed it."""


class BadSignature(NotTrusted):
    """It names a key that is trusted here, and the signature is not that key's."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. ``data`` is what follows the key id: for a cosignature a time and a signature."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """As it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.data)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, newline at its end included, and its signatures, of which none is verified."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """The whole note."""
        return self.text + "\n" + "".join(one.line() for one in self.signatures)

    def with_signatures(self, *more: Signature) -> Note:
        """The note with further signatures; one of a key that has signed already takes the place of the older one."""
        new = {(one.name, one.key_id) for one in more}
        kept = tuple(one for one in self.signatures if (one.name, one.key_id) not in new)
        return replace(self, signatures=kept + more)


def parse_note(data: bytes | str) -> Note:
    """Read a note without trusting it (signed-note, "Format").

    Raises:
        Malformed: it is no signed note, or has more signatures or bytes than anybody needs.
    """
    whole = from_utf8(data, MOST_BYTES, "the note")
    if any(char < " " and char != "\n" for char in whole):
        raise Malformed("the note has control characters")
    text, blank, lines = whole.rpartition("\n\n")  # the last empty line: there may be others in the text
    if not blank:
        raise Malformed("the note has no empty line before its signatures")
    return Note(text + "\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Read signature lines, each with its newline.

    Raises:
        Malformed: there is none, there are too many, or one is not of the form.
    """
    if not lines.endswith("\n"):
        raise Malformed("the last line has no end")
    # Not splitlines(): that would also end lines at characters which other readers take for text.
    found = tuple(_parse_line(line) for line in lines[:-1].split("\n"))
    if len(found) > MOST_SIGNATURES:
        raise Malformed(f"there are more than {MOST_SIGNATURES} signatures")
    return found


def _parse_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise Malformed("a signature line is not '— NAME SIGNATURE'")
    check_name(name)
    data = from_base64(encoded, f"the signature of {name!r}")
    if len(data) <= KEY_ID_BYTES:
        raise Malformed(f"the signature of {name!r} is too short")
    return Signature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def sign_text(text: str, name: str, private: Ed25519PrivateKey) -> Signature:
    """Sign the text of a note (signed-note, "Ed25519 signatures"); the same text and key give the same signature.

    Raises:
        Malformed: such a text cannot stand in a note, or no key can have that name.
    """
    if not text.endswith("\n") or any(char < " " and char != "\n" for char in text):
        raise Malformed("the text of a note ends with a newline and has no other control characters")
    key = VerifierKey(name, Kind.NOTE, private.public_key().public_bytes_raw())
    return Signature(name, key.key_id, private.sign(text.encode()))


def open_note(note: Note, keys: Iterable[VerifierKey]) -> dict[VerifierKey, Signature]:
    """Which of the trusted keys have signed a note, and how (signed-note, "Signatures").

    Signatures of other keys are ignored, also where the name or the id, but not both, are those of a trusted key.

    Args:
        note: as it was parsed.
        keys: that are trusted for what the note says.

    Raises:
        BadSignature: a line names a trusted key and is not that key's signature: the whole note is refused.
        UnknownSigners: no trusted key has signed.
        ValueError: two of the keys have one name and one id, so that it is not known which is meant.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise ValueError(f"two trusted keys have the name {key.name!r} and the id {key.key_id.hex()}")
    good: dict[VerifierKey, Signature] = {}
    for line in note.signatures:
        signer = known.get((line.name, line.key_id))
        if signer is None:
            continue
        if not signer.verifies(note.text, line.data):
            raise BadSignature(f"the signature of {line.name!r} does not fit the text")
        good[signer] = line
    if not good:
        raise UnknownSigners("no trusted key has signed it")
    return good
