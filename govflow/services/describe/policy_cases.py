"""What became of policy cases: for people, for programs, for CI systems that read JUnit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from govflow.services.describe.escape import plain
from govflow.services.describe.formats.junit import counts, xml_text

if TYPE_CHECKING:
    from govflow.policy.cases import CaseResult
    from govflow.services.judge_policy_cases import CaseReport, PolicyCoverage

_SHOWN: Final = 10  # rules that nothing reaches, unless all are asked for
_LONGEST: Final = 400  # characters of a reason


def cases_text(report: CaseReport, *, uncovered: bool = False) -> str:
    """Failing cases with what was expected, what was said and why; then what the cases reach.

    Args:
        report: all cases.
        uncovered: name every rule that no case reaches.
    """
    lines: list[str] = []
    for result in report.failed:
        lines += [f"FAIL {place_of(result)}: {plain(result.case.name)}", *(f"  {line}" for line in _wrong(result)), ""]
    for policy in report.policies:
        lines += _covered(policy, None if uncovered else _SHOWN)
    failed = len(report.failed)
    passed = len(report.results) - failed
    lines.append(f"{_many(len(report.results), 'case')}: {passed} passed, {failed} failed")
    return "\n".join(lines)


def place_of(result: CaseResult) -> str:
    """File and line of a case."""
    case = result.case
    return plain(f"{case.where}:{case.line}" if case.line else case.where)


def _wrong(result: CaseResult) -> Iterator[str]:
    for miss in result.misses:
        yield f"{miss.field}: expected {plain(miss.expected, _LONGEST)}, got {plain(miss.got, _LONGEST)}"
    decision = result.decision
    yield f"why: {decision.rule}: {plain(decision.reason, _LONGEST)}"
    yield f"matched: {plain(', '.join(result.matching) or 'no rule', _LONGEST)}"


def failure_text(result: CaseResult) -> str:
    """The same for one case, as a test would fail with."""
    return "\n".join([f"{place_of(result)}: {plain(result.case.name)}", *(f"  {line}" for line in _wrong(result))])


def _covered(policy: PolicyCoverage, most: int | None) -> Iterator[str]:
    head = f"policy {plain(policy.policy)} ({plain(policy.where)})"
    if not policy.rules:
        yield f"{head}: no rules; the default decided {policy.default} times"
        return
    decided = f"{policy.reached} of {_many(len(policy.rules), 'rule')} decided ({policy.percent:.0f} %)"
    yield f"{head}: {decided}; the default decided {_many(policy.default, 'time')}"
    never = [rule for rule in policy.rules if not rule.decided]
    for rule in never[:most]:
        behind = f", though it matched {_many(rule.matched, 'time')} without deciding" if rule.matched else ""
        what = "decided" if rule.decides else "matched"
        yield f"  never {what}: {rule.rule}{behind}"
    if most is not None and len(never) > most:
        yield f"  … and {len(never) - most} more: --uncovered names all"


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def cases_json(report: CaseReport) -> dict[str, Any]:
    """JSON values: every case and every rule."""
    return {
        "version": 1,
        "passed": len(report.results) - len(report.failed),
        "failed": len(report.failed),
        "cases": [
            {
                "name": result.case.name,
                "file": result.case.where,
                "line": result.case.line,
                "passed": result.passed,
                "effect": str(result.decision.effect),
                "rule": result.decision.rule,
                "reason": result.decision.reason,
                "matching": list(result.matching),
                "misses": [{"field": miss.field, "expected": miss.expected, "got": miss.got} for miss in result.misses],
            }
            for result in report.results
        ],
        "policies": [
            {
                "name": policy.policy,
                "file": policy.where,
                "digest": policy.digest,
                "default": policy.default,
                "percent": round(policy.percent, 1),
                "rules": [
                    {"name": rule.rule, "decides": rule.decides, "decided": rule.decided, "matched": rule.matched}
                    for rule in policy.rules
                ],
            }
            for policy in report.policies
        ],
    }


def cases_junit(report: CaseReport) -> str:
    """JUnit XML: a suite for each file."""
    files: dict[str, list[CaseResult]] = {}
    for result in report.results:
        files.setdefault(result.case.where, []).append(result)
    total = counts("govflow policy test", len(report.results), len(report.failed))
    root = ElementTree.Element("testsuites", total)
    for name, results in files.items():
        failed = sum(not result.passed for result in results)
        suite = ElementTree.SubElement(root, "testsuite", {**counts(name, len(results), failed), "skipped": "0"})
        for result in results:
            given = {"name": xml_text(result.case.name), "classname": xml_text(name), "time": "0"}
            case = ElementTree.SubElement(suite, "testcase", given)
            if not result.passed:
                first = result.misses[0]
                message = f"{first.field}: expected {first.expected}, got {first.got}"
                told = {"type": "policy", "message": xml_text(message)}
                ElementTree.SubElement(case, "failure", told).text = xml_text(failure_text(result))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
