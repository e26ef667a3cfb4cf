"""``govflow policy test``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def judge_cases(
    cases: list[Path],
    /,
    *,
    policy: Path | None = None,
    min_coverage: float = 0.0,
    uncovered: bool = False,
    format: Literal["text", "json", "junit"] = "text",
    output: Path | None = None,
) -> int:
    """Test a policy: cases say what is asked, and what has to be decided.

    A file of cases names its policy, shares what its cases have in common under `defaults`, and may write a case as a
    table (`each`). Of a folder, the files named `*.policy-test.yaml` are taken. The report names each failing case with
    what was expected, what was decided and by which rule, and the rules that no case reaches.

    Exit code 0: all cases pass. 1: one fails, or fewer rules are reached than `--min-coverage` demands. 2: a file
    cannot be used, a name in it is unknown, or a case expects nothing.

    Examples, one a line:

    - `govflow policy test tests/acme.policy-test.yaml`
    - `govflow policy test tests/ --min-coverage 100 --uncovered`
    - `govflow policy test tests/ --policy candidate.yaml --format junit --output policy.xml`

    Args:
        cases: files of cases, or folders.
        policy: judge by this file, whatever the cases name.
        min_coverage: percent of the rules that have to decide at least once.
        uncovered: name every rule that no case reaches, not only the first ten.
        format: text for people, json for programs, junit for CI systems.
        output: write the report to this file.
    """
    from govflow.cli.output import deliver, json_text
    from govflow.cli.policy.chosen import document_of
    from govflow.errors import RequestError
    from govflow.services.describe.policy_cases import cases_json, cases_junit, cases_text
    from govflow.services.judge_policy_cases import judge_policy_cases
    from govflow.services.workspace import open_workspace
    from govflow.settings import load_settings

    if not 0 <= min_coverage <= 100:
        raise RequestError(f"--min-coverage {min_coverage:g}: not a percentage.", mend="Give a number from 0 to 100.")
    chosen = document_of(policy) if policy else None
    report = judge_policy_cases(cases, chosen, lambda: open_workspace(load_settings()).document)
    low = [one for one in report.policies if one.percent < min_coverage]
    if format == "json":
        text = json_text(cases_json(report))
    elif format == "junit":
        text = cases_junit(report)
    else:
        text = cases_text(report, uncovered=uncovered)
        for one in low:
            text += f"\nfail: policy {one.policy}: {one.percent:.0f} % of its rules, {min_coverage:g} % are demanded"
    deliver(text, output)
    return 1 if report.failed or low else 0
