"""The lines that findings point at, for people to see, with columns as editors count them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from govflow.errors import SourceError
from govflow.services.findings import CheckFinding
from govflow.sources.decoding import decode_source
from govflow.telemetry import redact_text

_LARGEST = 2**24  # bytes of a file that lines are shown of


class SourceLines:
    """Lines of files below a folder; each file is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, list[str]] = {}

    def line(self, file: str, number: int) -> str | None:
        """One line, counted from 1; None where there is none."""
        if file not in self._files:
            self._files[file] = self._read(file)
        lines = self._files[file]
        return lines[number - 1] if 0 < number <= len(lines) else None

    def _read(self, file: str) -> list[str]:
        path = self._folder / file
        try:
            if not path.is_file() or path.stat().st_size > _LARGEST:
                return []
            return decode_source(path.read_bytes(), file).split("\n")
        except (OSError, SourceError):
            return []


def located(findings: Iterable[CheckFinding], lines: SourceLines) -> list[CheckFinding]:
    """The findings with columns, and with their line where that line holds no literal secret."""
    found = list(findings)
    secret = {(one.file, one.line) for one in found if one.code == "GF304"}
    return [_located(one, lines, (one.file, one.line) not in secret) for one in found]


def _located(finding: CheckFinding, lines: SourceLines, shown: bool) -> CheckFinding:
    if finding.file is None or finding.line is None:
        return finding
    text = lines.line(finding.file, finding.line)
    if text is None:
        return finding
    source = text if shown and redact_text(text) == text else None
    site = finding.site
    if site is None or site.line != finding.line:
        return replace(finding, source=source)
    last = lines.line(finding.file, site.end_line)
    return replace(
        finding,
        source=source,
        column=_characters(text, site.column) + 1,
        end_line=site.end_line,
        end_column=_characters(last if last is not None else "", site.end_column) + 1,
    )


def _characters(text: str, offset: int) -> int:
    """How many characters the first ``offset`` bytes of a line are."""
    return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))
