"""Where in a policy file something stands, and the error that says so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from govflow.errors import PolicyError

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the file: ``("policy", "rules", 3, "effect")``."""


@dataclass(frozen=True, slots=True)
class Places:
    """The file, and the line of every value in it. ``lines`` is empty for a document built in Python."""

    where: str
    lines: Mapping[Path, int] = field(default_factory=dict)

    def error(self, path: Path, problem: str, mend: str) -> PolicyError:
        """A :class:`PolicyError` that names file, line if known, field, and what to do."""
        line = self._line(path)
        named = f"{self.where}:{line}" if line else self.where
        place = written(path)
        message = f"{named}: {place}: {problem}" if place else f"{named}: {problem}"
        return PolicyError(message, mend=mend, details={"file": self.where, "line": line, "field": place})

    def _line(self, path: Path) -> int | None:
        """The line of the value, or of the nearest thing around it that has one."""
        for length in range(len(path), -1, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return None


def written(path: Path) -> str:
    """The path as people write it: ``policy.rules[3].effect``."""
    parts = []
    for part in path:
        if isinstance(part, int) or "." in part:  # a dotted attribute path is one key
            parts.append(f"[{part}]")
        else:
            parts.append(f".{part}")
    return "".join(parts).removeprefix(".")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?`` or, if nothing is near, the list of what there is; always ends in a stop."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Use one of: {', '.join(names)}." if names else "Remove it."
