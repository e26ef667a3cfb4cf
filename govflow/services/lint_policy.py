"""Lint a policy file, and say where in its files each finding stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from govflow.errors import GovflowError
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.lint import LintFinding, LintReport, lint
from govflow.policy.provided import Provides
from govflow.policy.request_form import form_of
from govflow.policy.toml_reader import read_toml
from govflow.policy.yaml_reader import read_yaml
from govflow.services.check_plans import CheckReport
from govflow.services.findings import CheckFinding, Level, numbered
from govflow.services.read_policy import take_policy


@dataclass(frozen=True, slots=True)
class PolicyLint:
    """What was found in a policy file."""

    file: str
    digest: str
    found: LintReport
    findings: tuple[CheckFinding, ...]  # the same as ``found.findings``, one for one, with their places
    strict: bool  # notes fail too

    @property
    def clean(self) -> bool:
        """Whether nothing that was found fails."""
        return all(finding.level not in self.fails for finding in self.findings)

    @property
    def fails(self) -> frozenset[Level]:
        """The weights that fail."""
        return frozenset(Level) if self.strict else frozenset({Level.ERROR, Level.WARNING})

    def as_check(self) -> CheckReport:
        """The same as a report of ``govflow check``, for the formats of CI systems."""
        count = self.found.rules
        return CheckReport(
            self.findings,
            (),
            (),
            command="govflow policy lint",
            counted=f"{count} policy rule{'' if count == 1 else 's'}",
            looked_at=(self.file,),
            fails=self.fails,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        told = zip(self.findings, self.found.findings, strict=True)
        return {
            "version": 1,
            "clean": self.clean,
            "policy": self.file,
            "digest": self.digest,
            "rules": self.found.rules,
            "complete": self.found.complete,
            **{f"{level}s": sum(one.level is level for one in self.findings) for level in Level},
            "findings": [{**_placed(finding), **_told(said)} for finding, said in told],
        }


def lint_policy(
    file: Path, now: datetime, *, strict: bool = False, providers: Iterable[Provides] = (), keys: Path | None = None
) -> PolicyLint:
    """Lint a policy file and what it imports.

    Args:
        file: YAML or TOML.
        now: aware; what has expired by then is told.
        strict: notes fail as warnings do.
        providers: who gives attributes beyond those of every governed run.
        keys: the public keys by which a signed policy counts.

    Raises:
        PolicyError: the file cannot be used.
    """
    reading = take_policy(file, keys)
    found = lint(reading.document, vocabulary=Vocabulary.default(), now=now, providers=providers)
    places = dict(_places(reading.texts)) if found.findings else {}
    findings = [_finding(one, str(file), places) for one in found.findings]
    return PolicyLint(str(file), reading.document.digest, found, tuple(numbered(findings)), strict)


def _finding(one: LintFinding, file: str, places: Mapping[tuple[str, str], tuple[str, int]]) -> CheckFinding:
    # A finding about an exception stands where the exception does.
    where, line = places.get(("exceptions", one.key)) or places.get(("rules", one.rule)) or (file, 0)
    return CheckFinding(
        one.code,
        file,
        one.message,
        one.mend,
        step_id=one.rule,
        file=where,
        line=line or None,
        key="\0".join((one.key, *one.others)),
    )


def _places(texts: Mapping[Path, str]) -> Iterator[tuple[tuple[str, str], tuple[str, int]]]:
    """Where each rule and exception stands: by kind and name the file and the line."""
    for path, text in texts.items():
        read = read_toml if path.suffix.lower() == ".toml" else read_yaml
        try:
            value, places = read(text, str(path))
        except GovflowError:  # not a policy: a key
            continue
        policy = value.get("policy") if isinstance(value, dict) else None
        for kind in ("rules", "exceptions"):
            for number, held in enumerate((policy or {}).get(kind, ())):
                line = places.lines.get(("policy", kind, number)) or places.lines.get(("policy", kind), 0)
                yield (kind, str(held.get("name"))), (str(path), line)


def _placed(finding: CheckFinding) -> dict[str, Any]:
    held = finding.to_dict()
    return {name: held[name] for name in ("code", "name", "level", "message", "mend", "file", "line", "fingerprint")}


def _told(said: LintFinding) -> dict[str, Any]:
    return {
        "rule": said.rule,
        "others": list(said.others),
        "removable": said.removable,
        "shown_by": [
            {
                "request": form_of(shown.request),
                "says": [{"rule": rule, "effect": effect} for rule, effect in shown.says],
            }
            for shown in said.shown
        ],
    }
