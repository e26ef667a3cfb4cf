"""``govflow check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport


def check(
    *paths: str,
    base: str | None = None,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    baseline: Path | None = None,
    write_baseline: bool = False,
    format: Literal["text", "json", "md", "github", "gitlab", "junit", "sarif"] = "text",
    detailed_exit_code: bool = False,
    policy: Path | None = None,
    environment: str | None = None,
) -> int:
    """Check flows as CI does: drift from the lock, tiers, policy verdicts, what could not be read.

    Reported is what the lock file does not have yet; with --base what a git revision does not have. Nothing is written.

    Exit code 0: clean; warnings and needed approvals are reported and do not fail. 1: errors. 2: nothing was decided.

    Examples, one a line:

    - `govflow check flows/`
    - `govflow check flows/ --base origin/main --environment production --format md`

    Args:
        paths: files, folders, or FILE:FLOW.
        base: report what this git revision, at the commit where HEAD left it, does not have.
        all_: report everything, not only what is new.
        baseline: leave out the findings that this file accepts.
        write_baseline: accept all errors and warnings of now: write them to the baseline file.
        format: text for people, json for programs, md for a pull request, and those of CI systems.
        detailed_exit_code: exit with 3 where there is no error and people have to approve something.
        policy: judge by this policy file.
        environment: judge as if it ran there.
    """
    from govflow.cli import session
    from govflow.cli.output import progress, write
    from govflow.errors import RequestError
    from govflow.services.baseline import read_baseline
    from govflow.services.baseline import write_baseline as save
    from govflow.services.check_plans import check_plans
    from govflow.services.describe.formats import render

    if not paths:
        raise RequestError("PATH is missing.", mend="Name a file or a folder, as in: govflow check flows/")
    if base is not None and not base.strip():
        # An unset variable of a CI job; without a base, what a branch changes together with its lock would not be told.
        raise RequestError("--base is empty.", mend="Name a git revision, as in: --base origin/main")
    if base is not None and ".." in base:
        mend = (
            f"Name the revision alone: --base {base.partition('..')[0] or 'HEAD'}; its range begins where HEAD left it."
        )
        raise RequestError(f"--base takes one revision, and {base} is a range.", mend=mend)
    if write_baseline and baseline is None:
        raise RequestError("--write-baseline needs --baseline FILE.", mend="govflow check PATH --baseline FILE …")
    accepted = read_baseline(baseline) if baseline is not None and not write_baseline else None
    with session.workspace(policy, environment) as workspace, progress("checking"):
        report = check_plans(workspace, paths, base=base, everything=all_ or write_baseline, baseline=accepted)
    if write_baseline and baseline is not None:
        write(f"{baseline}: {save(baseline, report.findings)} finding(s) accepted")
        return 0
    write(render(report, format), coloured=format == "text")
    return exit_code(report, detailed_exit_code)


def exit_code(report: CheckReport, detailed: bool) -> int:
    """1 for an error, before 3 for an approval, before 0."""
    if not report.clean:
        return 1
    return 3 if detailed and report.needs_approval else 0
