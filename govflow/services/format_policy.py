"""Policy files in one layout. A file is written only where it means the same afterwards."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from govflow.errors import GovflowError, PolicyError
from govflow.policy.formatting import format_policy
from govflow.services.read_policy import is_bundle, read_text_as, take_policy
from govflow.services.regular_file import read_regular
from govflow.settings import Settings


@dataclass(frozen=True, slots=True)
class Formatted:
    """A policy file before and after."""

    path: Path
    before: str
    after: str

    @property
    def changes(self) -> bool:
        """Whether the file is not in the one layout."""
        return self.before != self.after

    def diff(self) -> str:
        """What would change, as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True), self.after.splitlines(keepends=True), str(self.path), str(self.path)
        )
        return "".join(lines)


def files_of(settings: Settings) -> list[Path]:
    """The configured policy file and all YAML files that it imports.

    Raises:
        PolicyError: none is configured, or it cannot be used.
    """
    if settings.policy is None:
        raise PolicyError("No policy file is configured.", mend="Name the files: govflow policy fmt policy.yaml")
    if is_bundle(settings.policy):
        raise PolicyError(
            "The configured policy is a signed one.", mend="Name the files that it was made of, and sign them anew."
        )
    return [path for path in take_policy(settings.policy).texts if path.suffix.lower() != ".toml"]


def formatted(path: Path) -> Formatted:
    """What the file says in the one layout. Nothing is written.

    Raises:
        PolicyError: it cannot be read or used, is TOML, or would not mean the same.
    """
    document = take_policy(path).document
    before = _with_its_line_ends(path)
    after = format_policy(before, str(path))
    if read_text_as(after, path).digest != document.digest:
        raise PolicyError(
            f"{path}: formatted, it would be another policy; it is left as it is.",
            mend="Please report this: it is a mistake of govflow.",
            details={"file": str(path)},
        )
    return Formatted(path, before, after)


def all_formatted(paths: Sequence[Path]) -> Iterator[Formatted | GovflowError]:
    """Each file, or why it cannot be."""
    for path in paths:
        try:
            yield formatted(path)
        except GovflowError as error:
            yield error


def write_formatted(found: Formatted) -> None:
    """Put the text in the file's place as a whole, with its mode.

    Raises:
        PolicyError: it cannot be written, or says something else by now.
    """
    target = found.path.resolve()  # what a link leads to, not the link
    part = target.with_name(f".{target.name}.part")
    try:
        if _with_its_line_ends(target) != found.before:
            raise PolicyError(f"{found.path} was changed meanwhile; it is left as it is.", mend="Run it again.")
        part.write_text(found.after, encoding="utf-8", newline="")
        os.chmod(part, target.stat().st_mode & 0o7777)
        os.replace(part, target)
    except OSError as error:
        raise PolicyError(
            f"{found.path} cannot be written: {error.strerror or error}.", mend="It is as it was."
        ) from None


def _with_its_line_ends(path: Path) -> str:
    read_regular(path)  # refuses pipes and what is no text
    return path.read_bytes().decode("utf-8")
