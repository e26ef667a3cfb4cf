"""docs/features.tsv: which tests show which feature.

The tests say it, by ``@pytest.mark.covers("S5-25")``; the table repeats it for readers. Tests are read as source, not
imported, so the table can be made where Prefect is not installed.

    python -m tests.ledger     # write what the tests say into the table
"""

from __future__ import annotations

import ast
import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "features.tsv"
COLUMNS = ("id", "feature", "tests")


class Row(NamedTuple):
    """One feature, and the node ids of the tests that show it, sorted."""

    id: str
    feature: str
    tests: tuple[str, ...]


def read_table(text: str) -> list[Row]:
    """The rows of the table; ``ValueError`` if its columns are other ones or an id stands twice."""
    reader = csv.DictReader(io.StringIO(text), delimiter="\t")
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"the columns of {TABLE.name} are {COLUMNS}, not {reader.fieldnames}")
    rows = [Row(row["id"], row["feature"], tuple(row["tests"].split())) for row in reader]
    twice = {row.id for row in rows if sum(other.id == row.id for other in rows) > 1}
    if twice:
        raise ValueError(f"more than one row for {sorted(twice)}")
    return rows


def write_table(rows: list[Row]) -> str:
    """The table as text; reading it gives the same rows."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((row.id, row.feature, " ".join(row.tests)) for row in rows)
    return out.getvalue()


def marked(folder: Path = ROOT / "tests") -> dict[str, set[str]]:
    """Feature id to node ids, for every marker below ``folder``."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        node_id = path.relative_to(folder.parent).as_posix()
        for feature, test in _marks(ast.parse(path.read_text(encoding="utf-8")), node_id, ()):
            found.setdefault(feature, set()).add(test)
    return found


def _marks(scope: ast.Module | ast.ClassDef, node_id: str, inherited: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Pairs of a feature id and the node id of a test in ``scope``; a class hands its marks to its tests."""
    for node in scope.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _marks(node, f"{node_id}::{node.name}", (*inherited, *_covers(node.decorator_list)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for feature in (*inherited, *_covers(node.decorator_list)):
                yield feature, f"{node_id}::{node.name}"


def _covers(decorators: list[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.covers":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def updated(rows: list[Row], marks: dict[str, set[str]]) -> list[Row]:
    """The same features, with the tests that the markers name."""
    return [row._replace(tests=tuple(sorted(marks.get(row.id, ())))) for row in rows]


def main() -> int:
    """Rewrite the table; 1 if a marker names a feature that the table lacks."""
    rows, marks = read_table(TABLE.read_text(encoding="utf-8")), marked()
    unknown = sorted(marks.keys() - {row.id for row in rows})
    if unknown:
        print(f"no such feature: {', '.join(unknown)} (in {sorted(set().union(*(marks[i] for i in unknown)))})")
        return 1
    TABLE.write_text(write_table(updated(rows, marks)), encoding="utf-8")
    print(f"{sum(row.id in marks for row in rows)} of {len(rows)} features have tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
