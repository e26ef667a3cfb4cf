"""``govflow approvals who``."""

from __future__ import annotations

from typing import Literal

from govflow.cli import session


def who(request: str, *, format: Literal["text", "json"] = "text") -> int:
    """Show who may decide a request now: for each stage and group who has, who still may, and who cannot.

    Example:  govflow approvals who 7c4e2f

    Args:
        request: the request's id.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe.deciders import deciders_json, deciders_text
    from govflow.services.who_decides import who as who_decides

    with session.workspace() as workspace:
        found = who_decides(workspace, request, datetime.now(UTC))
    if format == "json":
        write_json(deciders_json(found))
    else:
        write(deciders_text(found))
    return 0
