"""SQL by its first words: for statements that no parser is needed for, or that none can read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from govflow.planning.effects.catalogue import UNKNOWN
from govflow.planning.effects.locations import clean, without_secrets

HOLE: Final = "govflow_hole"
"""The name that stands in SQL for what the source does not tell."""


AT_RUN_TIME: Final = "SQL that is made at run time"


class Statement(NamedTuple):
    """What one statement does to one table."""

    action: str  # empty for a statement of which not even the verb is known
    table: str  # ``schema/table``; :data:`UNKNOWN` if it is not known
    unbounded: bool
    verb: str  # in words for people


_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_FIRST: Final = re.compile(r"\s*\(*\s*([A-Za-z]+)")
_TARGET: Final = (
    r"(?:\s+(?:into|from|table|view|materialized|database|schema|index|sequence|function|if|not|exists|or|replace|"
    r"temporary|temp|only|overwrite|concurrently|full|freeze|verbose|analyze|data|local|infile|'[^']*'))*\s+([\w.\"`\[\]$-]+)"
)

# A verb that stands first, for statements that cannot be parsed or need no parsing.
VERBS: Final = {
    "select": "data:read",
    "with": "data:query",
    "values": "data:query",
    **dict.fromkeys(("from", "table", "summarize", "pivot", "unpivot"), "data:read"),
    "show": "data:list",
    "describe": "data:list",
    "desc": "data:list",
    "explain": "data:query",
    "insert": "data:append",
    "replace": "data:write",
    "upsert": "data:merge",
    "update": "data:update",
    "delete": "data:delete",
    "merge": "data:merge",
    "create": "data:create",
    "alter": "data:alter",
    "comment": "data:alter",
    "rename": "data:alter",
    "drop": "data:drop",
    "undrop": "data:create",
    "truncate": "data:truncate",
    "grant": "data:grant",
    "revoke": "data:grant",
    "unload": "data:export",
    "export": "data:export",
    "import": "data:load",
    "load": "data:load",
    "put": "data:load",
    "copy": "data:load",
    "refresh": "data:write",
    "call": "process:execute",
    "exec": "process:execute",
    "execute": "process:execute",
    "do": "process:execute",
    "vacuum": "data:process",
    "analyze": "data:process",
    "optimize": "data:process",
    "reindex": "data:process",
    "cluster": "data:process",
    "checkpoint": "data:process",
    "lock": "data:process",
    "attach": "data:read",
}
NOTHING: Final = frozenset(
    {
        "begin",
        "start",
        "commit",
        "rollback",
        "savepoint",
        "release",
        "set",
        "reset",
        "use",
        "pragma",
        "declare",
        "fetch",
    }
    | {"close", "detach", "install", "force", "listen", "unlisten", "prepare", "deallocate", "discard", "end", "abort"}
)

# Verbs that stand behind other words, where a batch needs no semicolon, or inside a block.
_NAME: Final = r"([\w.\"`\[\]$-]+)"
_HIDDEN: Final = (
    ("insert", re.compile(rf"\binsert\s+(?:into|overwrite)\s+(?:table\s+)?{_NAME}", re.IGNORECASE)),
    ("update", re.compile(rf"\bupdate\s+{_NAME}\s+set\b", re.IGNORECASE)),
    ("delete", re.compile(rf"\bdelete\s+from\s+{_NAME}", re.IGNORECASE)),
    ("merge", re.compile(rf"\bmerge\s+into\s+{_NAME}", re.IGNORECASE)),
    ("truncate", re.compile(rf"\btruncate\s+table\s+{_NAME}", re.IGNORECASE)),
    (
        "drop",
        re.compile(
            rf"\bdrop\s+(?:table|view|schema|database|user|role|index)\s+(?:if\s+exists\s+)?{_NAME}", re.IGNORECASE
        ),
    ),
    ("grant", re.compile(rf"\bgrant\s+[\w\s,]+?\s+on\s+{_NAME}", re.IGNORECASE)),
    ("execute", re.compile(rf"\b(?:exec|execute)\s+{_NAME}", re.IGNORECASE)),
)
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")


def hidden(text: str) -> tuple[Statement, ...]:
    """What verbs inside a statement do that starts with other words: ``SET NOCOUNT ON DELETE FROM t``."""
    bare = _LITERAL.sub("''", text)
    return tuple(
        Statement(VERBS[verb], UNKNOWN if verb == "execute" else spelled(match[1]), unbounded=False, verb=verb.upper())
        for verb, pattern in _HIDDEN
        for match in pattern.finditer(bare)
    )


_ROLE: Final = re.compile(
    r"\s*(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:user|role|login)\b(?!\s+mapping)", re.IGNORECASE
)
"""Who may do what: the name of a user is no table."""
_EXECUTED: Final = re.compile(r"/\*M?!\d*(.*?)\*/", re.DOTALL)
_EXPLAINED: Final = re.compile(
    r"\s*explain\s+(?:analyze|analyse|\([^)]*\banaly[sz]e\b(?!\s+(?:false|off|0))[^)]*\))\s+(?:verbose\s+)?",
    re.IGNORECASE,
)
_OUT: Final = re.compile(r"\binto\s+(?:outfile|dumpfile)\s+'[^']*'", re.IGNORECASE)


REMOVES: Final = re.compile(r"\s*(?:remove|rm)\s+@", re.IGNORECASE)
"""Deletes files of a stage of Snowflake."""


def as_run(text: str) -> str:
    """The text that the database runs: comments of MySQL that are code, and what ``EXPLAIN ANALYZE`` explains."""
    return _EXPLAINED.sub("", _EXECUTED.sub(r" \1 ", text), count=1)


def without_outfile(text: str) -> tuple[str, bool]:
    """A query without the file that its rows go to, and whether there is one."""
    bare, number = _OUT.subn(" ", text)
    return bare, bool(number)


def exported(statement: Statement) -> Statement:
    """What a query is whose rows go to a file."""
    if statement.action not in ("data:read", "data:query"):
        return statement
    return statement._replace(action="data:export", verb="SELECT INTO OUTFILE")


def is_about_users(text: str) -> bool:
    """Whether this is ``CREATE USER`` and the like."""
    return _ROLE.match(_COMMENT.sub(" ", text)) is not None


BLOCKS: Final = frozenset({"set", "begin", "start", "declare", "use", "prepare", "if", "while", "do", "end", "else"})
"""Words behind which another statement may stand without a semicolon."""


def with_hidden(found: tuple[Statement, ...], text: str) -> tuple[Statement, ...]:
    """These statements, and what else is inside a text that was not wholly understood."""
    known = {(item.action, item.table) for item in found}
    more = (item for item in hidden(_COMMENT.sub(" ", text)) if (item.action, item.table) not in known)
    return tuple(dict.fromkeys((*found, *more)))


def first_word(text: str) -> str:
    """The first word, lower-cased; ``""`` if there is none."""
    match = _FIRST.match(_COMMENT.sub(" ", text))
    return match[1].lower() if match else ""


def by_first_words(text: str) -> tuple[Statement, ...]:
    """Statements by their first words alone."""
    found: dict[Statement, None] = {}
    for piece in _COMMENT.sub(" ", text).split(";"):
        first = first_word(piece)
        if not first:
            continue
        found.update(dict.fromkeys(hidden(piece) if first in BLOCKS else ()))
        if first in NOTHING or (first in BLOCKS and hidden(piece)):
            continue
        if first == HOLE.partition("_")[0]:
            found[Statement("", UNKNOWN, unbounded=False, verb=AT_RUN_TIME)] = None
            continue
        action = VERBS.get(first)
        if action is None:  # no verb of SQL: nothing of the text is shown, and it may write
            found[Statement("data:write", UNKNOWN, unbounded=False, verb="SQL that cannot be parsed")] = None
            continue
        if first == "explain":
            action = _explained(piece)
        verb = first.upper()
        if _ROLE.match(piece):
            found[Statement("data:grant", UNKNOWN, unbounded=False, verb=f"{verb} USER")] = None
            continue
        target = re.match(rf"\s*\(*\s*{first}{_TARGET}", piece, re.IGNORECASE)
        table = UNKNOWN if target is None or first in ("with", "select", "explain") else spelled(target[1])
        table = UNKNOWN if table in ("full", "freeze", "verbose", "analyze") else table  # VACUUM FULL: of everything
        found[Statement(action, table, unbounded=False, verb=verb)] = None
    return tuple(found)


def _explained(text: str) -> str:
    """``EXPLAIN ANALYZE`` runs what it explains."""
    words = text.lower().split()
    if "analyze" not in words[:3]:
        return "data:query"
    return next((VERBS[word] for word in words[1:6] if word in VERBS and word != "analyze"), "data:query")


def spelled(name: str) -> str:
    """A dotted name of SQL as a part of a resource."""
    pieces = [piece.strip('"`[]') for piece in name.split(".")]
    quoted = name.startswith('"')  # the databases of backticks and brackets do not tell case apart
    return "/".join(spelled_piece(piece, quoted=quoted) for piece in pieces if piece) or UNKNOWN


def spelled_piece(text: str, *, quoted: bool) -> str:
    """One part of such a name: lower-cased unless it is quoted."""
    if "://" in text:  # a file that is read as a table
        scheme, _, rest = text.partition("://")
        text = f"{scheme}://{without_secrets(rest)}"
    shown = text.replace(HOLE, UNKNOWN)
    return clean(shown if quoted or UNKNOWN in shown else shown.lower())
