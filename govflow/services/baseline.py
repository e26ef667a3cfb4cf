"""The baseline file: findings that were there when a repository began to check, and that a team lives with for now.

One finding a line, sorted, without line numbers: a moved line changes nothing, a mended finding is one removed line.
Notes are not in it: they fail nothing, and a step that needs approval must go on saying so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govflow.errors import RequestError
from govflow.services.findings import RULES, CheckFinding, Level
from govflow.services.regular_file import read_regular

_VERSION: Final = 1
_HEAD: Final = 200  # characters at the start, in which a baseline shows that it is one
_MEND: Final = "Write it again: govflow check PATH --baseline FILE --write-baseline"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One accepted finding. The fingerprint decides; the rest is for readers."""

    flow: str
    code: str
    step_id: str
    fingerprint: str
    message: str

    @classmethod
    def of(cls, finding: CheckFinding) -> Entry:
        """The entry of a finding."""
        return cls(finding.flow, finding.code, finding.step_id or "", finding.fingerprint, finding.message)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of one file."""

    path: str
    entries: tuple[Entry, ...]

    @property
    def fingerprints(self) -> frozenset[str]:
        """What is accepted."""
        return frozenset(entry.fingerprint for entry in self.entries)


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        RequestError: it is not there, or is no baseline; names the place and the mend.
    """
    try:
        raw = json.loads(read_regular(path))
    except FileNotFoundError:
        mend = f"Write it: govflow check PATH --baseline {path} --write-baseline"
        raise RequestError(f"{path}: there is no baseline file.", mend=mend) from None
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{path}: cannot be read as a baseline: {error}.", mend=_MEND) from None
    if not isinstance(raw, dict) or raw.get("version") != _VERSION or not isinstance(raw.get("findings"), list):
        raise RequestError(f"{path}: not a baseline of version {_VERSION}.", mend=_MEND)
    return Baseline(str(path), tuple(_entry(path, index, item) for index, item in enumerate(raw["findings"])))


def write_baseline(path: Path, findings: Iterable[CheckFinding]) -> int:
    """Write the errors and warnings among ``findings``; returns how many.

    Raises:
        RequestError: the file cannot be written, or holds something else: a slip must not cost a lock file.
    """
    if path.is_file() and path.stat().st_size:
        _refuse_another_file(path)
    entries = sorted({Entry.of(one) for one in findings if one.level is not Level.NOTE and one.code != "GF401"})
    lines = [json.dumps(_document(entry), ensure_ascii=False) for entry in entries]
    body = ",\n".join(f"    {line}" for line in lines)
    listed = f"[\n{body}\n  ]" if lines else "[]"
    text = f'{{\n  "version": {_VERSION},\n  "findings": {listed}\n}}\n'
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(f"{path}: cannot be written: {error.strerror or error}.") from None
    return len(entries)


def _refuse_another_file(path: Path) -> None:
    """Entries may be broken, as after a merge: they are what is written again."""
    try:
        known = '\n  "findings": [' in read_regular(path)[:_HEAD]
    except (OSError, ValueError):
        known = False
    if not known:
        raise RequestError(
            f"{path}: there is a file that is no baseline, and it stays as it is.",
            mend="Give --baseline a name of its own, as .govflow-baseline.json, or remove the file.",
        )


def _document(entry: Entry) -> dict[str, str]:
    return {
        "flow": entry.flow,
        "code": entry.code,
        "step_id": entry.step_id,
        "fingerprint": entry.fingerprint,
        "message": entry.message,
    }


def _entry(path: Path, index: int, item: Any) -> Entry:
    names = ("flow", "code", "step_id", "fingerprint", "message")
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in names):
        raise RequestError(f"{path}: findings[{index}]: {', '.join(names)} are texts.", mend=_MEND)
    if item["code"] not in RULES:
        raise RequestError(f"{path}: findings[{index}].code: there is no rule {item['code']!r}.", mend=_MEND)
    return Entry(*(item[name] for name in names))
