"""``govflow audit``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

app = App(name="audit", help="Verify and read the audit log.", help_format="markdown", help_epilogue="")


@app.command
def verify(database: str | None = None, *, tenant: str | None = None, format: Literal["text", "json"] = "text") -> int:
    """Check the log from its first record to its last: verified, tampered at record k, or cannot be judged.

    Exit code 0: verified. 1: tampered, or cannot be judged.

    Examples, one a line:

    - `govflow audit verify`
    - `govflow audit verify copy-of-govflow.db --format json`

    Args:
        database: another database, as a URL or a file; every tenant in it is checked.
        tenant: check the log of this tenant only.
        format: text for people, json for programs.
    """
    from govflow.audit.verify import Outcome
    from govflow.cli.output import progress, write, write_json
    from govflow.services.describe.escape import plain
    from govflow.services.verify_audit import verify_log, worst
    from govflow.settings import load_settings

    with progress("verifying the log"):
        verdicts = verify_log(load_settings(), database, tenant)
    outcome = worst(verdicts)
    if format == "json":
        write_json({"verdict": str(outcome), "logs": [one.to_dict() for one in verdicts]})
    else:
        lines = [f"{one.verdict.outcome}: tenant {plain(one.tenant)}: {plain(one.verdict.words)}" for one in verdicts]
        lines += [f"  root {one.verdict.root}" for one in verdicts if one.verdict.root]
        write("\n".join(lines or ["cannot judge: the database holds no log."]))
    return 0 if outcome is Outcome.VERIFIED else 1


@app.command
def tail(
    database: str | None = None,
    *,
    lines: Annotated[int, Parameter(name=["--lines", "-n"])] = 20,
    tenant: str | None = None,
    run: str | None = None,
    event: str | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Show the last records of the log, oldest first.

    Examples, one a line:

    - `govflow audit tail -n 50`
    - `govflow audit tail --event approval.vote --format json`

    Args:
        database: another database, as a URL or a file.
        lines: how many records.
        tenant: the log of this tenant.
        run: records of this run only.
        event: records of this event only.
        format: text for people, json for programs.
    """
    from govflow.cli.output import progress, write, write_json
    from govflow.services.verify_audit import read_tail
    from govflow.settings import load_settings
    from govflow.telemetry import redact

    with progress("reading the log"):
        found = read_tail(load_settings(), lines, database=database, tenant=tenant, run_id=run, event=event)
    if format == "json":
        write_json({"records": [redact(line.to_dict()) for line in found]})
    else:
        write("\n".join(_shown(line.seq, line.body) for line in found) or "no records")
    return 0


def _shown(seq: int, body: dict[str, Any] | None) -> str:
    from govflow.services.describe.escape import plain, value

    if body is None:
        return f"{seq:>6}  a record that cannot be read: run govflow audit verify"
    where = " ".join(plain(body[key]) for key in ("flow", "step_id", "run_id") if body.get(key))
    payload = " ".join(f"{plain(key)}={value(item, 80)}" for key, item in body["payload"].items() if item is not None)
    at, severity, event, subject = (plain(body[key]) for key in ("at", "severity", "event", "subject"))
    return f"{seq:>6}  {at[:19]}Z  {severity:<8}  {event:<22}  {subject}  {where}  {plain(payload, 240)}".rstrip()
