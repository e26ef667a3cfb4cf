"""``govflow audit tail``, ``query`` and ``stats``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter


def tail(
    database: str | None = None,
    *,
    lines: Annotated[int, Parameter(name=["--lines", "-n"])] = 20,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    tenant: str | None = None,
    run: str | None = None,
    event: str | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Show the last records of the log, oldest first.

    Examples, one a line:

    - `govflow audit tail -n 50`
    - `govflow audit tail --event approval.vote --format json`
    - `govflow audit tail --follow --run 6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11`

    Args:
        database: another database, as a URL or a file.
        lines: how many records.
        follow: go on with each record that is written, until Ctrl-C or SIGTERM; with json, one object a line.
        tenant: the log of this tenant.
        run: records of this run only.
        event: records of this event only.
        format: text for people, json for programs.
    """
    from govflow.cli.output import progress, write, write_json
    from govflow.services.describe.records import describe_record
    from govflow.services.verify_audit import read_tail
    from govflow.settings import load_settings
    from govflow.telemetry import redact

    if follow:
        return _follow(database, lines, tenant, run, event, as_json=format == "json")
    with progress("reading the log"):
        found = read_tail(load_settings(), lines, database=database, tenant=tenant, run_id=run, event=event)
    if format == "json":
        write_json({"records": [redact(line.to_dict()) for line in found]})
    else:
        write("\n".join(describe_record(line.seq, line.body) for line in found) or "no records")
    return 0


def _follow(
    database: str | None, lines: int, tenant: str | None, run: str | None, event: str | None, *, as_json: bool
) -> int:
    import sys

    import orjson

    from govflow.cli.output import write
    from govflow.cli.up import stopped_by_signals
    from govflow.services.describe.records import describe_record
    from govflow.services.follow_audit import follow_log
    from govflow.settings import load_settings
    from govflow.telemetry import redact

    stop = stopped_by_signals()
    for line in follow_log(load_settings(), lines, stop, database=database, tenant=tenant, run_id=run, event=event):
        write(orjson.dumps(redact(line.to_dict())).decode() if as_json else describe_record(line.seq, line.body))
        sys.stdout.flush()
    return 0


def query(
    database: str | None = None,
    *,
    run: str | None = None,
    who: str | None = None,
    event: str | None = None,
    rule: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 50,
    before: int | None = None,
    tenant: str | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Find records by run, person, event, rule and time, newest first.

    Each of these alone is found at once in a log of any size; several together are looked for step by step. Values
    that the log only commits to are not shown.

    Examples, one a line:

    - `govflow audit query --run 6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11`
    - `govflow audit query --rule high-risk-needs-two --since 7d`
    - `govflow audit query --event approval. --since 30d`
    - `govflow audit query --who olga --since 2026-03-01 --until 2026-04-01 --format json`

    Args:
        database: another database, as a URL or a file.
        run: records of this run.
        who: records of what this person, bot or schedule did.
        event: records of this event; docs/audit.md lists them. `approval.`: of all that begin so.
        rule: records of what this policy rule decided.
        since: from then on: 2026-03-01, 2026-03-01T12:00Z, or 7d, 12h, 30min for so long ago. UTC unless it says.
        until: before then, written likewise.
        limit: how many records at most.
        before: go on before this place: the last line of an answer that has more names it.
        tenant: the log of this tenant.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.moments import read_moment
    from govflow.cli.output import progress, write, write_json
    from govflow.services.describe.records import describe_record
    from govflow.services.query_audit import query_log
    from govflow.settings import load_settings
    from govflow.store.audit_search import Wanted
    from govflow.telemetry import redact

    now = datetime.now(UTC)
    wanted = Wanted(run, who, event, read_moment("--since", since, now), read_moment("--until", until, now), rule)
    with progress("looking for records"):
        found = query_log(load_settings(), wanted, limit=limit, before=before, database=database, tenant=tenant)
    if format == "json":
        write_json({"records": [redact(line.to_dict()) for line in found.lines], "next": found.next})
        return 0
    write("\n".join(describe_record(line.seq, line.body) for line in found.lines) or "no records")
    if found.next is not None:
        write(f"there may be more: --before {found.next}")
    return 0


def stats(
    database: str | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    tenant: str | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Count the records of the log by event, rule and day.

    Examples, one a line:

    - `govflow audit stats`
    - `govflow audit stats --since 30d --format json`

    Args:
        database: another database, as a URL or a file.
        since: from then on: 2026-03-01, 2026-03-01T12:00Z, or 7d, 12h, 30min for so long ago. UTC unless it says.
        until: before then, written likewise.
        tenant: the log of this tenant.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.moments import read_moment
    from govflow.cli.output import progress, write, write_json
    from govflow.services.describe.log_stats import describe_log_stats
    from govflow.services.query_audit import log_stats, stats_as_json
    from govflow.settings import load_settings

    now = datetime.now(UTC)
    with progress("counting records"):
        found = log_stats(
            load_settings(),
            since=read_moment("--since", since, now),
            until=read_moment("--until", until, now),
            database=database,
            tenant=tenant,
        )
    if format == "json":
        write_json(stats_as_json(found))
    else:
        write(describe_log_stats(found))
    return 0
