"""Testing policies: files of cases, each judged by the policy that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govflow.errors import PolicyError, RequestError
from govflow.policy import Engine, PolicyDocument
from govflow.policy.case_files import CaseFile, read_cases
from govflow.policy.cases import CaseResult, RuleUse, check_cases, coverage, judge_cases
from govflow.services.read_policy import read_policy
from govflow.services.regular_file import read_regular

SUFFIXES: Final = (".policy-test.yaml", ".policy-test.yml")
"""How files of cases are named that are found in a folder."""

_FALLBACK: Final = Path()


@dataclass(frozen=True, slots=True)
class PolicyCoverage:
    """Which rules of one policy the cases reach."""

    policy: str  # name of the set
    where: str  # its file
    digest: str
    rules: tuple[RuleUse, ...]
    default: int  # cases in which no rule matched

    @property
    def reached(self) -> int:
        """Rules that decided at least once; those that never decide, that matched."""
        return sum(rule.decided > 0 for rule in self.rules)

    @property
    def percent(self) -> float:
        """Of its rules; 100 for a policy without any."""
        return 100 * self.reached / len(self.rules) if self.rules else 100.0


@dataclass(frozen=True, slots=True)
class CaseReport:
    """All cases and what the policies said."""

    results: tuple[CaseResult, ...]
    policies: tuple[PolicyCoverage, ...]

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """The cases that were not decided as expected."""
        return tuple(result for result in self.results if not result.passed)


def judge_policy_cases(
    paths: Sequence[Path], policy: PolicyDocument | None, fallback: Callable[[], PolicyDocument]
) -> CaseReport:
    """Judge all cases of files, and of folders the files named ``*.policy-test.yaml``.

    Args:
        paths: files and folders.
        policy: judge all cases by it, whatever their files name.
        fallback: gives the policy for files that name none.

    Raises:
        PolicyError: a file of cases or its policy cannot be used.
        RequestError: there is nothing to judge.
    """
    loaded: dict[Path, PolicyDocument] = {}
    by_digest: dict[str, tuple[PolicyDocument, list[CaseResult]]] = {}
    engines: dict[str, Engine] = {}
    results: list[CaseResult] = []
    for path in case_files(paths):
        file = read_case_file(path)
        document = policy or document_of(file, path, fallback, loaded)
        check_cases(file, document)
        if document.digest not in engines:
            engines[document.digest] = Engine(document)
        found = list(judge_cases(file.cases, engines[document.digest]))
        by_digest.setdefault(document.digest, (document, []))[1].extend(found)
        results += found
    policies = tuple(_covered(document, found) for document, found in by_digest.values())
    return CaseReport(tuple(results), policies)


def _covered(document: PolicyDocument, results: Sequence[CaseResult]) -> PolicyCoverage:
    return PolicyCoverage(
        policy=document.policy.name,
        where=document.where,
        digest=document.digest,
        rules=coverage(results, document),
        default=sum(result.decision.rule == "default" for result in results),
    )


def case_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are meant, each once.

    Raises:
        RequestError: a folder holds none.
    """
    seen: set[Path] = set()
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}"))
            if not found:
                raise RequestError(f"{path} holds no file named *{SUFFIXES[0]}.", mend="Name the files of cases.")
        for file in found:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def read_case_file(path: Path) -> CaseFile:
    """A file of cases.

    Raises:
        PolicyError: it is not there, is no text, or cannot be used.
    """
    try:
        return read_cases(read_regular(path), str(path))
    except FileNotFoundError:
        problem, mend = "there is no such file of cases", "Mend the path."
    except (OSError, UnicodeDecodeError) as error:
        problem, mend = f"it cannot be read: {error}", "It must be a file of UTF-8 text that this user may read."
    raise PolicyError(f"{path}: {problem}.", mend=mend, details={"file": str(path)})


def document_of(
    file: CaseFile, path: Path, fallback: Callable[[], PolicyDocument], loaded: dict[Path, PolicyDocument]
) -> PolicyDocument:
    """The policy that a file of cases names, by a path from its own folder; that of ``fallback`` if it names none.

    Args:
        file: the cases.
        path: their file.
        fallback: gives the policy for files that name none.
        loaded: what was read before, by path; what is read is added.

    Raises:
        PolicyError: it cannot be loaded.
    """
    target = path.parent / file.policy if file.policy else _FALLBACK
    if target not in loaded:
        if file.policy and not target.is_file():
            raise file.places.error(
                ("policy",), f"there is no policy file {target}", "Write its path from this folder."
            )
        loaded[target] = read_policy(target) if file.policy else fallback()
    return loaded[target]
