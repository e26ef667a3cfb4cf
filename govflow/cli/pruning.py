"""``govflow audit prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from govflow.cli import session
from govflow.cli.naming import As

if TYPE_CHECKING:
    from govflow.store.pruning import Prunable


def prune(
    *,
    as_: As,
    reason: str,
    days: int | None = None,
    dry_run: bool = False,
    format: Literal["text", "json"] = "text",
) -> int:
    """Remove the oldest records of the log, 256 at once. What is left still verifies, and every checkpoint still fits.

    Only what a checkpoint covers goes, nothing under a legal hold, and no run that went on later than that. It cannot
    be undone: export what must be kept (`govflow audit export`). Who pruned what, and why, is a record of the log.

    Examples, one a line:

    - `govflow audit prune --days 365 --reason "records schedule 7.2" --as olga --dry-run`
    - `govflow audit prune --reason "records schedule 7.2" --as olga`

    Args:
        as_: your name.
        reason: why; it stays in the log.
        days: how long records are kept; without it as the setting retention_days says.
        dry_run: say what would go, and remove nothing.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import counting, write, write_json
    from govflow.services import prune_log as service

    now = datetime.now(UTC)
    with session.workspace() as workspace, counting("pruning") as shown:
        if dry_run:
            found = service.prunable(workspace, now, days)
        else:
            found = service.prune(workspace, workspace.principal(as_).name, reason, now, days, shown)
    if format == "json":
        went = {"first": found.first, "until": found.until, "records": found.records}
        write_json({"dry_run": dry_run, **went, "kept_by": found.kept_by})
    else:
        write(_said(found, dry_run=dry_run))
    return 0


def _said(found: Prunable, *, dry_run: bool) -> str:
    from govflow.services.describe.escape import plain

    stays = f"From record {found.until} on all is kept. Of the next 256 one has to stay: {plain(found.kept_by)}."
    if not found.records:
        return f"No record goes. {stays}"
    verb = "would go" if dry_run else "are gone"
    return f"{found.records} records {verb}, {found.first} to {found.until - 1}. {stays}"
