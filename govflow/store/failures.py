"""What a database's refusal means to people: the cause, and what to do."""

from __future__ import annotations

from typing import Final, NoReturn

from govflow.errors import StoreError, UnusableText

_OTHER: Final = "See the cause; `govflow doctor` checks the database."
_UNUSABLE: Final = "The folder of the database must exist or be creatable, and be writable for this user."
# What stands in the driver's text, and what mends it; the first that fits.
_MENDS: Final = (
    (
        ("lock timeout", "idle-in-transaction", "idle in transaction"),
        "Another program held the write lock for too long; look for a transaction that nobody ends, and try again.",
    ),
    (("locked", "busy"), "Another program holds the database open for writing; close it and try again."),
    (
        ("not a database", "malformed"),
        "The file is no SQLite database or is damaged; set another path or restore a backup.",
    ),
    (("full", "no space"), "Free space on the disk; nothing that was acknowledged is lost."),
    (
        ("password authentication", "no password supplied", "pg_hba", "role "),
        "Look at user and password in the URL, and at pg_hba.conf of the server.",
    ),
    (
        ("permission denied for", "must be owner"),
        "The user of the URL lacks a right on the tables; the page on PostgreSQL lists what is needed.",
    ),
    (
        ("connection refused", "could not connect", "connection failed", "server closed", "terminating connection"),
        "Is the server up, and are host and port of the URL right? Nothing that was acknowledged is lost.",
    ),
    (("readonly", "read-only", "unable to open", "permission"), _UNUSABLE),
)


def explain(error: BaseException, what: str) -> NoReturn:
    """Raise the ``StoreError`` for a database or file error, with the cause and what to do.

    Raises:
        UnusableText: the database is well, and takes no NUL; PostgreSQL's text cannot hold one.
    """
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())
    lowered = text.lower()
    if "nul (0x00)" in lowered or 'encoding "utf8": 0x00' in lowered:  # as the driver says it, and as the server does
        raise UnusableText("A text that was given holds a NUL.", mend="Leave the character U+0000 out.") from error
    mend = next((mend for hints, mend in _MENDS if any(hint in lowered for hint in hints)), _OTHER)
    if isinstance(cause, OSError) and mend == _OTHER:
        mend = _UNUSABLE
    raise StoreError(f"The governance database cannot be used ({what}): {text}.", mend=mend) from error
