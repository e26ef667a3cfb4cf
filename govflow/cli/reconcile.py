"""``govflow reconcile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def reconcile(
    *,
    since: str = "24h",
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    export: Path | None = None,
    restart: bool = False,
    format: Literal["text", "json"] = "text",
) -> int:
    """Hold the runs of Prefect's server against the log: runs past the guard, forced states, runs that ended waiting.

    Each finding is put on record, once for each state of a run. Approval requests of runs that are over are withdrawn.
    A run whose process died while it waited or worked shows as well: `govflow explain GF606`.

    Exit code 0: the two agree; warnings do not fail. 1: errors. 2: it could not be decided.

    Examples, one a line:

    - `govflow reconcile`
    - `govflow reconcile --since 7d --format json`
    - `govflow reconcile --restart`
    - `govflow reconcile --from runs.json`

    Args:
        since: how far back: 90m, 24h, 7d, or a moment such as 2026-05-01T00:00:00Z.
        from_: read the runs from this file instead of the server.
        export: write what the server has to this file as well.
        restart: have runs of deployments whose process is gone (GF606) taken up again, from their first line.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.output import deliver, json_text, progress, write, write_json
    from govflow.errors import RequestError
    from govflow.services.describe.reconciliation import reconciliation_text
    from govflow.services.engine_runs import read_runs, start_of
    from govflow.services.reconcile_runs import logged_since, reconcile_runs

    now = datetime.now(UTC)
    if restart and from_ is not None:
        raise RequestError("--restart asks the server, and --from keeps from it.", mend="Leave one of them out.")
    with session.workspace() as workspace:
        if from_ is not None:
            engine = read_runs(from_)
        else:
            begin = start_of(since, now)
            with progress("importing Prefect"), session.needs_prefect():
                from govflow.prefect.run_reading import read_runs as ask
            with progress("reading the runs of the server"):
                engine = ask(begin, logged_since(workspace, begin))
        if export is not None:
            deliver(json_text(engine.to_dict()), export)
        with progress("comparing"):
            found = reconcile_runs(workspace, engine, now)
    restarted = _restarted([one.key for one in found.findings if one.code == "GF606"]) if restart else {}
    if format == "json":
        write_json({**found.to_dict(), "restarted": restarted} if restart else found.to_dict())
    else:
        write(reconciliation_text(found))
        for run_id, came_of_it in restarted.items():
            write(f"run {run_id}: {came_of_it}")
    return 0 if found.clean else 1


def _restarted(run_ids: list[str]) -> dict[str, str]:
    """What became of each run, in words."""
    from uuid import UUID

    from govflow.cli import session

    with session.needs_prefect():
        from govflow.prefect.resume import restart
        from govflow.services.resume_run import RESUMED
    answers = {run_id: restart(UUID(run_id)) for run_id in run_ids}
    again = "it goes on at the next poll of its worker or runner"
    return {run_id: again if answer == RESUMED else f"stays: {answer}" for run_id, answer in answers.items()}
