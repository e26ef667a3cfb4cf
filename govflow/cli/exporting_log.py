"""``govflow audit export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from govflow.services.export_records import Chosen, Form


def export(
    out: Path,
    *,
    to: Literal["jsonl", "csv", "parquet", "ocsf", "cloudevents"] = "jsonl",
    run: str | None = None,
    since: str | None = None,
    until: str | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Write a copy of the log that verifies by itself: JSON lines, with the newest checkpoint as the last.

    Personal values are not in it: records only commit to them. Records that no checkpoint covers yet are left for the
    next export. The export is itself a record of the log. A folder may be exported into each day: what is new is
    written behind what is there, and what is there is not touched.

    The other forms are for other tools, and **cannot be verified**: they hold what the records say, and not the bytes
    that are hashed. They have all records, or those of a run or a time, and secrets are masked.

    Examples, one a line:

    - `govflow audit export log.jsonl`
    - `govflow audit export exports/`
    - `govflow audit export march.csv --to csv --since 2026-03-01 --until 2026-04-01`
    - `govflow audit export siem.jsonl --to ocsf --since 1d`

    Args:
        out: a file that is not there yet; or, for `--to jsonl`, a folder, which gets one file for each day (UTC).
        to: jsonl: the log itself. csv or parquet (with pyarrow): a table, one row a record. ocsf or cloudevents: JSON
            lines as other systems take them.
        run: records of this run only; not with jsonl.
        since: from then on: 2026-03-01, 2026-03-01T12:00Z, or 7d, 12h, 30min for so long ago; not with jsonl.
        until: before then, written likewise; not with jsonl.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.moments import read_moment
    from govflow.errors import RequestError
    from govflow.services.export_records import Chosen

    now = datetime.now(UTC)
    chosen = Chosen(run, read_moment("--since", since, now), read_moment("--until", until, now))
    if to != "jsonl":
        return _records(out, to, chosen, format)
    if chosen != Chosen():
        raise RequestError(
            "A part of the log that leaves records out could not be verified, so --to jsonl takes all of it.",
            mend="Say another form: --to cloudevents. One record is proven by `govflow audit prove`, a run by"
            " `govflow receipt make`.",
        )
    if not out.is_dir() and out.suffix != ".jsonl":
        raise RequestError(f"{out} is no folder and not named *.jsonl.", mend="Make the folder, or name it *.jsonl.")
    return _log(out, format)


def _log(out: Path, format: str) -> int:
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.output import counting, write, write_json
    from govflow.services.export_audit import export_log

    with session.workspace() as workspace, counting("exporting the log, records") as told:
        done = export_log(workspace, out, datetime.now(UTC), told)
    if format == "json":
        files = [str(file) for file in done.files]
        write_json({"records": done.records, "before": done.before, "left": done.left, "files": files})
    elif not done.files:
        write(f"nothing new: {out} has all {done.before} records that a checkpoint covers")
    else:
        behind = f" behind the {done.before} that were there" if done.before else ""
        write(f"{done.records} records{behind}, in {', '.join(map(str, done.files))}")
    return 0


def _records(out: Path, to: Form, chosen: Chosen, format: str) -> int:
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.output import counting, write, write_json
    from govflow.services.export_records import export_records

    with session.workspace() as workspace, counting("exporting records") as told:
        done = export_records(workspace, out, datetime.now(UTC), to, chosen, told)
    if format == "json":
        write_json({"records": done.records, "unreadable": done.unreadable, "files": [str(out)], "verifiable": False})
        return 0
    write(f"{done.records} records, in {out}; this form cannot be verified")
    if done.unreadable:
        write(f"warning: {done.unreadable} of them cannot be read: see `govflow audit verify`")
    return 0
