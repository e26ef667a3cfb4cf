"""The index and the table of the families that ship: ``python -m tests.planning.effects.families`` writes both."""

from __future__ import annotations

from pathlib import Path

from govflow.planning.effects import catalogue
from govflow.planning.effects.catalogue.document import read_document
from govflow.planning.effects.catalogue.entries import Document
from govflow.planning.effects.catalogue.index import root_of

FOLDER = Path(catalogue.__file__).parent
INDEX = FOLDER / "families.txt"
PAGE = Path(__file__).parents[3] / "docs" / "effects-catalogue.md"
START, END = "<!-- families -->\n", "<!-- end of families -->\n"
_HEAD = """\
# Which family speaks of which module, builtin or object: the first part of each name that it holds. A family is read
# when one of them is first asked for. Written by `python -m tests.planning.effects.families`.
"""


def families() -> dict[str, Document]:
    """Every family that ships."""
    return {path.stem: read_document(path.read_text("utf-8"), path.name) for path in sorted(FOLDER.glob("*.yaml"))}


def roots(document: Document) -> list[str]:
    """The first parts of the names that a family answers to."""
    names = [name for call in document.calls for name in call.names]
    names += [name for made in document.objects for name in (*made.made_by, *made.types)]
    return sorted({root_of(name) for name in (*names, *document.harmless)})


def index_text() -> str:
    """What the index has to be."""
    return _HEAD + "".join(f"{family}: {' '.join(roots(document))}\n" for family, document in families().items())


def page_text() -> str:
    """The table of families of docs/effects-catalogue.md."""
    rows = []
    for family, document in families().items():
        calls = sum(len(call.names) for call in document.calls) + len(document.harmless)
        rows.append(f"| `{family}` | {document.about} | {calls} |\n")
    return "".join(("| family | about | callees |\n| --- | --- | --- |\n", *rows))


def page_with(table: str) -> str:
    """The page with this table."""
    before, start, rest = PAGE.read_text("utf-8").partition(START)
    return f"{before}{start}{table}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    INDEX.write_text(index_text(), encoding="utf-8")
    PAGE.write_text(page_with(page_text()), encoding="utf-8")
