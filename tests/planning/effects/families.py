"""The index of the families that ship, made from them: ``python -m tests.planning.effects.families`` writes it."""

from __future__ import annotations

from pathlib import Path

from govflow.planning.effects import catalogue
from govflow.planning.effects.catalogue.document import read_document
from govflow.planning.effects.catalogue.entries import Document
from govflow.planning.effects.catalogue.index import root_of

FOLDER = Path(catalogue.__file__).parent
INDEX = FOLDER / "families.txt"
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


if __name__ == "__main__":
    INDEX.write_text(index_text(), encoding="utf-8")
