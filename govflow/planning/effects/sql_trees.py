"""What parsed SQL does: each changing node of the tree, and the tables that are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlglot import expressions as exp

from govflow.planning.effects.catalogue import UNKNOWN
from govflow.planning.effects.sql_words import AT_RUN_TIME, HOLE, Statement, by_first_words, spelled_piece, with_hidden

_NOTHING = (exp.Set, exp.Transaction, exp.Commit, exp.Rollback, exp.Use, exp.Pragma)
_BLOCKS = (*_NOTHING, exp.Command, exp.Declare)
_PROGRAM = re.compile(r"\b(?:to|from)\s+program\s*'", re.IGNORECASE)
_CASED = frozenset({"", "postgres", "redshift", "snowflake", "oracle"})  # where quotes tell case apart
_UPPER = frozenset({"snowflake", "oracle"})  # where a name without quotes is one in capitals
_READS_ALL = (exp.Show, exp.Describe)


def statements_of(trees: Sequence[Any], text: str, dialect: str) -> tuple[Statement, ...]:
    """What these statements do, each thing once, in order."""
    found: dict[Statement, None] = {}
    for tree in trees:
        if tree is not None:
            found.update(dict.fromkeys(_Tree(tree, text, dialect).statements()))
    if any(isinstance(tree, _BLOCKS) for tree in trees):  # the parser takes what follows for a part of it
        return with_hidden(tuple(found), text)
    return tuple(found)


class _Tree:
    """One statement."""

    def __init__(self, tree: Any, text: str, dialect: str) -> None:
        self._tree = tree
        self._dialect = dialect
        self.runs_program = _PROGRAM.search(text) is not None
        self._targets: set[int] = set()

    def statements(self) -> Iterator[Statement]:
        tree = self._tree
        if isinstance(tree, _NOTHING):
            return
        if isinstance(tree, exp.Command):
            yield from by_first_words(f"{tree.this} {tree.text('expression')}")
            return
        if isinstance(tree, exp.Column | exp.Identifier | exp.Alias) and any(
            HOLE in part.name for part in tree.find_all(exp.Identifier)
        ):
            yield Statement("", UNKNOWN, unbounded=False, verb=AT_RUN_TIME)
            return
        changes = [item for node in tree.walk() for item in self._change(node)]
        yield from changes
        reads = list(self._reads())
        yield from reads
        if isinstance(tree, _READS_ALL):
            yield Statement("data:list", UNKNOWN, unbounded=False, verb=type(tree).__name__.upper())
        elif not changes and not reads:
            yield Statement("data:query", UNKNOWN, unbounded=False, verb="SELECT")

    def _change(self, node: Any) -> Iterator[Statement]:
        handler = _CHANGES.get(type(node))
        if handler is not None and (node is self._tree or not isinstance(node.parent, exp.When)):
            yield from handler(self, node)

    def _reads(self) -> Iterator[Statement]:
        names = {cte.alias.lower() for cte in self._tree.find_all(exp.CTE) if cte.alias}
        for table in self._tree.find_all(exp.Table):
            if id(table) in self._targets or not isinstance(table.this, exp.Identifier | exp.Dot):
                continue
            if table.name.lower() in names and not table.db:
                continue
            yield Statement("data:read", self.name(table), unbounded=False, verb="SELECT FROM")

    def name(self, node: Any) -> str:
        """The table that a node names; it is then no table that is read."""
        while node is not None and not isinstance(node, exp.Table) and isinstance(node.this, exp.Expression):
            node = node.this
        if not isinstance(node, exp.Table):
            return UNKNOWN
        self._targets.add(id(node))
        own = node.this.flatten() if isinstance(node.this, exp.Dot) else (node.this,)  # a name of four parts
        pieces = (node.args.get("catalog"), node.args.get("db"), *own)
        found = [spelled_piece(part.name, quoted=self._is_cased(part)) for part in pieces if part is not None]
        return "/".join(piece for piece in found if piece) or UNKNOWN

    def _is_cased(self, part: Any) -> bool:
        plain = self._dialect in _UPPER and part.name.isupper()
        return bool(part.args.get("quoted")) and self._dialect in _CASED and not plain

    def one(self, node: Any, action: str, verb: str, *, unbounded: bool = False) -> Statement:
        return Statement(action, self.name(node), unbounded, verb)


def _insert(tree: _Tree, node: Any) -> Iterator[Statement]:
    action, verb = "data:append", "INSERT INTO"
    if node.args.get("overwrite"):
        action, verb = "data:write", "INSERT OVERWRITE"
    elif str(node.args.get("alternative") or "").upper() == "REPLACE":
        action, verb = "data:write", "INSERT OR REPLACE INTO"
    elif node.args.get("conflict") is not None:
        action, verb = "data:merge", "INSERT ON CONFLICT INTO"
    yield tree.one(node.this, action, verb)


def _update(tree: _Tree, node: Any) -> Iterator[Statement]:
    every = _is_unbounded(node, node.this)
    yield tree.one(node.this, "data:update", "UPDATE", unbounded=every)


def _delete(tree: _Tree, node: Any) -> Iterator[Statement]:
    every = _is_unbounded(node, node.this) and not node.args.get("using")
    for table in node.args.get("tables") or [node.this]:
        yield tree.one(table, "data:delete", "DELETE FROM", unbounded=every)


def _is_unbounded(node: Any, table: Any) -> bool:
    where = node.args.get("where")
    if where is not None:
        return _is_true(where.this)
    # What stands for a part that is not known may hold the condition.
    alias = table.alias if isinstance(table, exp.Table) else ""
    return HOLE not in (alias or "") and node.args.get("limit") is None


def _is_true(condition: Any) -> bool:
    """Whether a condition holds for every row, as its spelling alone tells."""
    if isinstance(condition, exp.Paren):
        return _is_true(condition.this)
    if isinstance(condition, exp.Boolean):
        return bool(condition.this)
    if isinstance(condition, exp.Or):
        return _is_true(condition.this) or _is_true(condition.expression)
    if isinstance(condition, exp.And):
        return _is_true(condition.this) and _is_true(condition.expression)
    if isinstance(condition, exp.EQ):
        left, right = condition.this, condition.expression
        sides = exp.Literal | exp.Column
        holes = any(HOLE in part.name for part in condition.find_all(exp.Identifier))
        return isinstance(left, sides) and isinstance(right, sides) and left == right and not holes
    return isinstance(condition, exp.Literal) and condition.name == "1"


def _merge(tree: _Tree, node: Any) -> Iterator[Statement]:
    yield tree.one(node.this, "data:merge", "MERGE INTO")
    whens = node.args.get("whens")
    for when in whens.expressions if whens is not None else ():
        then = when.args.get("then")
        if then is not None and "DELETE" in str(then.name or type(then).__name__).upper():
            yield tree.one(node.this, "data:delete", "MERGE, DELETE FROM")


def _create(tree: _Tree, node: Any) -> Iterator[Statement]:
    kind = str(node.args.get("kind") or "").upper()
    if node.find(exp.TemporaryProperty) is not None:
        yield tree.one(node.this, "data:process", f"CREATE TEMPORARY {kind}".strip())
    elif node.args.get("replace") and kind == "TABLE":
        yield tree.one(node.this, "data:write", "CREATE OR REPLACE TABLE")
    else:
        yield tree.one(node.this, "data:create", f"CREATE {kind}".strip())


def _alter(tree: _Tree, node: Any) -> Iterator[Statement]:
    drops = any(isinstance(action, exp.Drop) for action in node.args.get("actions") or ())
    if drops:
        yield tree.one(node.this, "data:drop", "ALTER TABLE, DROP COLUMN")
    else:
        yield tree.one(node.this, "data:alter", f"ALTER {node.args.get('kind') or ''}".strip())


def _drop(tree: _Tree, node: Any) -> Iterator[Statement]:
    if isinstance(node.parent, exp.Alter):
        return
    verb = f"DROP {node.args.get('kind') or ''}".strip()
    for table in node.args.get("tables") or [node.this]:
        yield tree.one(table, "data:drop", verb)


def _truncate(tree: _Tree, node: Any) -> Iterator[Statement]:
    for table in node.expressions or [None]:
        yield tree.one(table, "data:truncate", "TRUNCATE")


def _grant(tree: _Tree, node: Any) -> Iterator[Statement]:
    yield tree.one(node.args.get("securable"), "data:grant", type(node).__name__.upper())


def _copy(tree: _Tree, node: Any) -> Iterator[Statement]:
    if tree.runs_program:
        yield Statement("process:execute", UNKNOWN, unbounded=False, verb="COPY PROGRAM")
    target = node.this
    staged = isinstance(target, exp.Table) and not isinstance(target.this, exp.Identifier)
    loads = bool(node.args.get("kind")) and not staged
    files = node.args.get("files") or []
    for file in files:
        if not staged:
            tree.name(file)  # no table that is read
    if staged and files:
        for file in files:
            yield tree.one(file, "data:export", "COPY FROM")
    elif loads:
        yield tree.one(target, "data:load", "COPY INTO")
    elif isinstance(target, exp.Table):
        yield tree.one(target, "data:export", "COPY FROM")
    else:
        yield from _exported(tree, node)


def _exported(tree: _Tree, node: Any) -> Iterator[Statement]:
    tables = list(node.find_all(exp.Table))
    for table in tables or [None]:
        yield tree.one(table, "data:export", "EXPORT FROM")


def _load(tree: _Tree, node: Any) -> Iterator[Statement]:
    yield tree.one(node.this, "data:load", "LOAD INTO")


def _select_into(tree: _Tree, node: Any) -> Iterator[Statement]:
    yield tree.one(node.this, "data:create", "SELECT INTO")


def _execute(tree: _Tree, node: Any) -> Iterator[Statement]:
    tree.name(node.this)
    yield Statement("process:execute", UNKNOWN, unbounded=False, verb="EXECUTE")


def _command(tree: _Tree, node: Any) -> Iterator[Statement]:
    yield from by_first_words(f"{node.this} {node.text('expression')}")


_CHANGES = {
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
    exp.Create: _create,
    exp.Alter: _alter,
    exp.Drop: _drop,
    exp.TruncateTable: _truncate,
    exp.Grant: _grant,
    exp.Revoke: _grant,
    exp.Copy: _copy,
    exp.Export: _exported,
    exp.LoadData: _load,
    exp.Into: _select_into,
    exp.Execute: _execute,
    exp.Command: _command,
}
