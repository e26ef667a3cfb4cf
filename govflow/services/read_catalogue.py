"""The catalogue of effects that ships, with the files that settings name on top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from govflow.errors import PolicyError
from govflow.planning.effects.catalogue import Catalogue
from govflow.services.regular_file import read_regular


def read_catalogue(paths: Sequence[Path]) -> Catalogue:
    """The catalogue with these files on top, a later one before an earlier one.

    Raises:
        PolicyError: a file is not there, is no text, or cannot be used; names file, line, field and mend.
    """
    catalogue = Catalogue.default()
    for path in paths:
        catalogue = catalogue.extended(_text(path), str(path))
    return catalogue


def _text(path: Path) -> str:
    try:
        return read_regular(path)
    except FileNotFoundError:
        mend = "Mend the setting effects (GOVFLOW_EFFECTS)."
        raise PolicyError(
            f"{path}: there is no such catalogue of effects.", mend=mend, details={"file": str(path)}
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"{path}: the catalogue of effects cannot be read: {error}.",
            mend="It must be a file of UTF-8 text that this user may read.",
            details={"file": str(path)},
        ) from None
