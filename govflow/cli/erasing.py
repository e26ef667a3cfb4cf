"""``govflow audit erase``, ``erasures``, ``hold``, ``holds`` and ``release``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from govflow.cli import session
from govflow.cli.naming import As

if TYPE_CHECKING:
    from govflow.store.legal_holds import Hold


def erase(
    *,
    as_: As,
    reason: str,
    record: int | None = None,
    run: str | None = None,
    subject: str | None = None,
    again: Path | None = None,
    dry_run: bool = False,
    format: Literal["text", "json"] = "text",
) -> int:
    """Erase personal values that records of the log commit to. The log, its root and every proof stay as they are.

    What was erased, by whom and why is a record itself. Backups still have the values: keep what `govflow audit
    erasures` prints outside of them, and give it to --again once one was restored.

    Exit code 0: done, also where nothing was left to erase. 1: a legal hold forbids it, and nothing was erased.

    Examples, one a line:

    - `govflow audit erase --run 6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11 --reason "request 4711" --as olga --dry-run`
    - `govflow audit erase --again erasures.jsonl --reason "restored the backup of Monday" --as olga`

    Args:
        as_: your name.
        reason: why; it stays in the log.
        record: the record in this place, as govflow audit tail shows it.
        run: the records of this run.
        subject: the records of what this principal did.
        again: a file with erasures that a restore undid.
        dry_run: say what would be erased, and erase nothing.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import progress, write, write_json
    from govflow.errors import RequestError
    from govflow.services import erase_values as service
    from govflow.services.describe.escape import plain

    with session.workspace() as workspace, progress("looking for values"):
        if again is not None and (record, run, subject) != (None, None, None):
            raise RequestError(
                "--again takes its records from the file.", mend="Leave --record, --run and --subject out."
            )
        if again is not None:
            found = service.brought_back(workspace, _lines(again))
        else:
            found = service.erasable(workspace, seq=record, run_id=run, subject=subject)
            service.expect_known(workspace, seq=record, run_id=run, subject=subject)
        by = workspace.principal(as_)
        count = sum(len(one.names) for one in found)
        if dry_run:
            service.expect_erasable(workspace, found, reason)
        else:
            count = service.erase(workspace, found, by, reason, datetime.now(UTC), again=again is not None)
    if format == "json":
        records = [{"seq": one.seq, "names": list(one.names)} for one in found]
        write_json({"erased": 0 if dry_run else count, "found": count, "records": records})
        return 0
    lines_ = [f"{one.seq:>6}  {plain(', '.join(one.names))}" for one in found] if dry_run else []
    said = f"{count} value(s) of {len(found)} record(s) {'would be erased' if dry_run else 'erased'}."
    write("\n".join([*lines_, said if found else "There is no value left to erase."]))
    return 0


def erasures() -> int:
    """Print what was erased from the log, one JSON object a line. Keep it outside of your backups.

    Example:  govflow audit erasures > erasures.jsonl
    """
    from govflow.cli.output import write
    from govflow.services.erase_values import erasures as listed

    with session.workspace() as workspace:
        for line in listed(workspace):
            write(line)
    return 0


def hold(*, as_: As, reason: str, run: str | None = None, subject: str | None = None, ahead: bool = False) -> int:
    """Place a legal hold: those records and their values stay until it is released. With neither: all of the log.

    Example:  govflow audit hold --run 6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11 --reason "case 12/26" --as olga

    Args:
        as_: your name.
        reason: why; it stays in the log.
        run: for the records of this run alone.
        subject: for the records of what this principal did alone.
        ahead: also where the log has no record of that run or principal yet.
    """
    import secrets
    from datetime import UTC, datetime

    from govflow.cli.output import write
    from govflow.services.erase_values import expect_known, place_hold

    with session.workspace() as workspace:
        by = workspace.principal(as_)
        if not ahead:
            expect_known(workspace, run_id=run, subject=subject)
        new_id = f"h-{secrets.token_hex(4)}"
        placed = place_hold(workspace, by, reason, datetime.now(UTC), new_id, run_id=run, subject=subject)
    write(_shown(placed))
    return 0


def holds(*, format: Literal["text", "json"] = "text") -> int:
    """List the legal holds that are in force, the oldest first.

    Example:  govflow audit holds --format json

    Args:
        format: text for people, json for programs.
    """
    from dataclasses import asdict

    from govflow.cli.output import write, write_json

    with session.workspace() as workspace:
        found = workspace.store.legal_holds.in_force(workspace.settings.tenant)
    if format == "json":
        write_json({"holds": [{**asdict(one), "placed_at": one.placed_at.isoformat()} for one in found]})
    else:
        write("\n".join(map(_shown, found)) or "no legal hold is in force")
    return 0


def release(hold_id: str, *, as_: As, reason: str) -> int:
    """Release a legal hold.

    Example:  govflow audit release h-1f2e3d4c --reason "case 12/26 is closed" --as olga

    Args:
        hold_id: as govflow audit holds shows it.
        as_: your name.
        reason: why; it stays in the log.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write
    from govflow.services.describe.escape import plain
    from govflow.services.erase_values import release_hold

    with session.workspace() as workspace:
        release_hold(workspace, hold_id, workspace.principal(as_), reason, datetime.now(UTC))
    write(f"legal hold {plain(hold_id)} is released")
    return 0


def _lines(file: Path) -> list[str]:
    from govflow.errors import InputError

    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.", mend="Name a file that is there.") from None


def _shown(hold: Hold) -> str:
    from govflow.services.describe.escape import plain

    about = f"run {hold.run_id}" if hold.run_id else f"subject {hold.subject}" if hold.subject else "the whole log"
    said = f"{plain(hold.placed_by)}  {plain(about)}: {plain(hold.reason)}"
    return f"{plain(hold.hold_id)}  {hold.placed_at:%Y-%m-%d %H:%M}Z  {said}"
