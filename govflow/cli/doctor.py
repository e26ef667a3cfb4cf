"""``govflow doctor``."""

from __future__ import annotations

from typing import Literal


def doctor(*, format: Literal["text", "json"] = "text") -> int:
    """Check this installation and say how to mend what is wrong.

    Looks at Python, the Prefect and FastAPI pair, settings, policy, database, clock and spool, and changes nothing.
    Exit code 1 when something fails.

    Example:  govflow doctor --format json

    Args:
        format: text for people, json for programs.
    """
    from contextlib import suppress
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.output import progress, write, write_json
    from govflow.errors import GovflowError
    from govflow.services.describe.escape import plain, table
    from govflow.services.doctor import examine
    from govflow.services.health import Health, as_json
    from govflow.settings import load_settings

    with progress("checking"):
        with suppress(GovflowError):  # what is wrong is found below
            session.reach_policy(load_settings())
        findings = examine(datetime.now(UTC))
    if format == "json":
        write_json(as_json(findings))
    else:
        rows = [[finding.health, finding.name, plain(finding.what)] for finding in findings]
        lines: list[str] = []
        for line, finding in zip(table([list(map(str, row)) for row in rows], indent=0), findings, strict=True):
            lines.append(line)
            if finding.mend:
                lines.append(f"      mend: {plain(finding.mend)}")
        write("\n".join(lines))
    return 1 if any(finding.health is Health.FAIL for finding in findings) else 0
