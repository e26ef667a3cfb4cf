"""``govflow check``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def check(
    *paths: str,
    format: Literal["text", "json", "md"] = "text",
    policy: Path | None = None,
    environment: str | None = None,
) -> int:
    """Check flows as CI does: drift from the lock, tiers, policy verdicts, what could not be read.

    Exit code 0: clean; warnings and needed approvals are reported and do not fail. 1: errors. Nothing is written.

    Examples:  govflow check flows/  |  govflow check flows/ --environment production --format md

    Args:
        paths: files, folders, or FILE:FLOW.
        format: text for people, json for programs, md for a pull request.
        policy: judge by this policy file.
        environment: judge as if it ran there.
    """
    from govflow.cli import session
    from govflow.cli.output import progress, write, write_json
    from govflow.errors import RequestError
    from govflow.services.check_plans import check_plans
    from govflow.services.describe import check_markdown, check_text

    if not paths:
        raise RequestError("PATH is missing.", mend="Name a file or a folder, as in: govflow check flows/")
    with session.workspace(policy, environment) as workspace, progress("checking"):
        report = check_plans(workspace, paths)
    if format == "json":
        write_json(report.to_dict())
    else:
        write(check_markdown(report) if format == "md" else check_text(report))
    return 0 if report.clean else 1
