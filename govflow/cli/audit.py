"""``govflow audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from govflow.cli import asking_log, erasing, exporting_log, pruning, witnessing

if TYPE_CHECKING:
    from govflow.audit.verifier_key import VerifierKey
    from govflow.audit.verify import Held, Outcome
    from govflow.services.witnessed import Witnesses

Keys = Annotated[tuple[str, ...], Parameter(name="--key", negative="")]

app = App(name="audit", help="Verify, seal, prove and read the audit log.", help_format="markdown", help_epilogue="")
for command in (
    asking_log.tail,
    asking_log.query,
    asking_log.stats,
    exporting_log.export,
    witnessing.witness,
    erasing.erase,
    erasing.erasures,
    erasing.hold,
    erasing.holds,
    erasing.release,
    pruning.prune,
):
    app.command(command)


@app.command
def verify(
    database: str | None = None,
    *more: Path,
    tenant: str | None = None,
    checkpoint: Path | None = None,
    since_checkpoint: Path | None = None,
    keys: Keys = (),
    witnesses: Annotated[tuple[str, ...], Parameter(name="--witness", negative="")] = (),
    quorum: Annotated[int, Parameter(name="--witnesses")] = 0,
    jobs: int | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Check the log from its first record to its last: verified, tampered at record k, or cannot be judged.

    With a checkpoint that you kept elsewhere, nothing before it can have been rewritten or cut off unseen, whoever
    holds the database and its keys.

    Exit code 0: verified. 1: tampered. 4: cannot be judged; what is missing is named.

    Examples, one a line:

    - `govflow audit verify`
    - `govflow audit verify copy-of-govflow.db --format json`
    - `govflow audit verify --key "$(cat log.key)"`
    - `govflow audit verify --checkpoint monday.txt --key "$(cat log.key)"`
    - `govflow audit verify --since-checkpoint monday.txt --key "$(cat log.key)"`
    - `govflow audit verify log.jsonl --key "$(cat log.key)"`
    - `govflow audit verify exports/ --key "$(cat log.key)"`

    Args:
        database: another database, as a URL or a file; every tenant in it is checked. Or a file `*.jsonl` that
            `govflow audit export` wrote, or a folder of such: it is checked with the key alone.
        more: further files of the same export.
        tenant: check the log of this tenant only.
        checkpoint: a file with a checkpoint of this log, as `govflow audit checkpoint` prints it.
        since_checkpoint: such a file, which you trust: only what follows is read, and that it does follow is checked.
        keys: verifier keys of the log, as `govflow audit keys` printed them when you got them. The checkpoints in the
            database have to be signed by them, too: one that is not, or none at all, cannot be judged.
        witnesses: verifier keys of witnesses, as each prints its own.
        quorum: how many of these witnesses must have cosigned: the checkpoint that was named, else one that the
            database or the export has; all of them, if it is not said. Too few: it cannot be judged.
        jobs: how many processes check at once; by default one for each core. Logs of less than 65,537 records need one.
        format: text for people, json for programs.
    """
    from govflow.cli.output import counting, write, write_json
    from govflow.errors import RequestError
    from govflow.services.describe.escape import plain
    from govflow.services.verify_audit import verify_log, worst
    from govflow.services.verify_export import verify_export
    from govflow.services.verify_in_processes import cores
    from govflow.settings import load_settings

    if jobs is not None and jobs < 1:
        raise RequestError(f"--jobs {jobs}: at least one process has to check.", mend="Give a positive number.")
    jobs = jobs or cores()
    if checkpoint is not None and since_checkpoint is not None:
        raise RequestError("One checkpoint is enough.", mend="Give --checkpoint, or --since-checkpoint.")
    file = checkpoint or since_checkpoint
    if quorum < 0:
        raise RequestError(f"--witnesses {quorum}: fewer than none cannot be asked for.", mend="Say how many: 1, 2.")
    held = None if file is None else _held(file, keys)
    asked = _witnesses(file, witnesses, quorum) if witnesses or quorum else None
    exported = None if database is None else _exported(database, more)
    if exported is not None:
        if tenant is not None:
            raise RequestError("An export is of one tenant.", mend="Leave --tenant out.")
        if since_checkpoint is not None:
            raise RequestError(
                "An export is read as a whole.", mend="Give --checkpoint in place of --since-checkpoint."
            )
        with counting("verifying the export, records") as told:
            verdicts = [verify_export(exported, log_keys(keys), held, told, jobs, asked)]
    elif more:
        raise RequestError("Several files are one export only where all are *.jsonl.", mend="Name one database.")
    else:
        with counting("verifying the log, records") as told:
            verdicts = verify_log(
                load_settings(),
                database,
                tenant,
                held,
                since=since_checkpoint is not None,
                jobs=jobs,
                keys=log_keys(keys) if keys else (),
                witnesses=asked,
                told=told,
            )
    outcome = worst(verdicts)
    if format == "json":
        write_json({"verdict": str(outcome), "logs": [one.to_dict() for one in verdicts]})
    else:
        lines = [f"{one.verdict.outcome}: tenant {plain(one.tenant)}: {plain(one.verdict.words)}" for one in verdicts]
        lines += [f"  root {one.verdict.root}" for one in verdicts if one.verdict.root]
        write("\n".join(lines or ["cannot judge: the database holds no log."]))
    return _exit_code(outcome)


@app.command
def checkpoint(*, out: Path | None = None, format: Literal["text", "json"] = "text") -> int:
    """Sign the log as it is: how many records, and the root of their tree.

    The printed note (C2SP tlog-checkpoint) is worth what its keeping is: put it where whoever holds the database cannot
    reach it, such as a ticket or another team's disk. Where nothing was written since the last one, that is printed.
    It is shown to the witnesses of the settings, and has their lines under it; exit 1 if one did not cosign.

    Examples, one a line:

    - `govflow audit checkpoint`
    - `govflow audit checkpoint --out monday.txt`

    Args:
        out: write it to this file, which must not be there yet.
        format: text: the note itself; json: with its size and time.
    """
    import sys
    from dataclasses import asdict
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.output import write, write_json
    from govflow.errors import RequestError
    from govflow.services.seal_log import seal_and_show

    with session.workspace() as workspace:
        sealed, asked = seal_and_show(workspace, datetime.now(UTC))
    if sealed is None:
        raise RequestError("The log is empty, so there is nothing to sign.", mend="Run a governed flow first.")
    if out is not None:
        write_new(out, sealed.note)
    if format == "json":
        witnesses = [asdict(one) for one in asked]
        write_json({"size": sealed.size, "at": sealed.at.isoformat(), "note": sealed.note, "witnesses": witnesses})
    else:
        write(f"{sealed.size} records, in {out}" if out else sealed.note.rstrip("\n"))
        for one in asked:
            print(f"witness {one.witness}: {one.why or 'has cosigned'}", file=sys.stderr)
    return 1 if any(one.why for one in asked) else 0


@app.command
def keys() -> int:
    """Print the verifier keys of this log, one a line: what an auditor needs to check checkpoints and proofs.

    Hand them over once, on a way that you both trust. Retired keys are among them: what they signed still counts.

    Example:  govflow audit keys > log.key
    """
    from govflow.cli import session
    from govflow.cli.output import write
    from govflow.services.seal_log import verifier_keys

    with session.workspace() as workspace:
        write("\n".join(str(key) for key in verifier_keys(workspace)))
    return 0


@app.command
def prove(record: int, *, out: Path | None = None) -> int:
    """Write a file that proves one record to somebody who has only the log's key (C2SP tlog-proof).

    It holds the record, its place, the hashes that lead to the root, and the newest checkpoint. Personal values are not
    in it: a record only commits to them. `govflow audit check` checks it, without a database.

    Examples, one a line:

    - `govflow audit prove 4711`
    - `govflow audit prove 4711 --out approval.tlog-proof`

    Args:
        record: its place in the log, as `govflow audit tail` shows it.
        out: write it to this file, which must not be there yet.
    """
    from govflow.cli import session
    from govflow.cli.output import write
    from govflow.services.seal_log import prove as proven

    with session.workspace() as workspace:
        text = proven(workspace, record)
    if out is not None:
        write_new(out, text)
        write(f"record {record}, in {out}")
    else:
        write(text.rstrip("\n"))
    return 0


@app.command
def check(proof: Path, *, keys: Keys = (), format: Literal["text", "json"] = "text") -> int:
    """Check the proof of a record, with public keys and nothing else: no database, no network, no settings.

    Exit code 0: it holds, and the record is printed. 1: it was tampered with. 4: it cannot be judged, such as with
    another key.

    Example:  govflow audit check approval.tlog-proof --key "$(cat log.key)"

    Args:
        proof: the file that `govflow audit prove` wrote.
        keys: verifier keys of the log, as you were handed them.
        format: text for people, json for programs.
    """
    import orjson

    from govflow.cli.output import write, write_json
    from govflow.services.describe.records import describe_record
    from govflow.services.seal_log import check_proof

    checked = check_proof(read_text(proof), log_keys(keys))
    leaf = orjson.loads(checked.leaf) if checked.leaf else None
    if format == "json":
        verdict = {"verdict": str(checked.outcome), "words": checked.words}
        write_json({**verdict, "origin": checked.origin or None, "size": checked.size or None, "record": leaf})
    else:
        record = [] if leaf is None else [describe_record(checked.index, leaf["body"])]
        write("\n".join([f"{checked.outcome}: {checked.words}", *record]))
    return _exit_code(checked.outcome)


def _exit_code(outcome: Outcome) -> int:
    return {"verified": 0, "tampered": 1}.get(str(outcome), 4)


def _exported(named: str, more: tuple[Path, ...]) -> list[Path] | None:
    """The files of an export that was named; None where it is a database that was."""
    from govflow.errors import RequestError

    if "://" in named:
        return None
    first = Path(named)
    if not first.is_dir():
        return [first, *more] if first.suffix == ".jsonl" else None
    if more:
        raise RequestError("A folder is an export of its own.", mend="Name the folder alone, or the files.")
    if not (files := sorted(first.glob("*.jsonl"))):
        raise RequestError(f"{first} has no file *.jsonl, so no export is in it.", mend="Name the folder of one.")
    return files


def _held(checkpoint: Path, keys: tuple[str, ...]) -> Held:
    from govflow.services.seal_log import held_checkpoint

    return held_checkpoint(read_text(checkpoint), log_keys(keys))


def _witnesses(checkpoint: Path | None, keys: tuple[str, ...], quorum: int) -> Witnesses:
    from datetime import UTC, datetime

    from govflow.services.witnessed import Witnesses

    known = tuple(parsed_keys(keys))
    note = None if checkpoint is None else read_text(checkpoint)
    return Witnesses(known, quorum or len({key.public for key in known}), datetime.now(UTC), note)


def parsed_keys(keys: tuple[str, ...]) -> list[VerifierKey]:
    """Each value may hold several keys, one a line, as ``govflow audit keys`` prints them."""
    from govflow.audit.spelling import Malformed
    from govflow.audit.verifier_key import VerifierKey
    from govflow.errors import InputError

    words = [word for key in keys for word in key.split()]
    if not words:
        raise InputError(
            "Without a key nothing can be believed.",
            mend="Give the log's verifier keys: --key KEY, as `govflow audit keys` prints them on the side of the log.",
        )
    try:
        return [VerifierKey.parse(word) for word in words]
    except Malformed as error:
        raise InputError(f"That is no verifier key: {error}.", mend="It is NAME+KEYID+KEY, one word.") from None


def log_keys(keys: tuple[str, ...]) -> list[VerifierKey]:
    """The same, of keys that sign a log."""
    from govflow.audit.verifier_key import Kind
    from govflow.errors import InputError

    found = parsed_keys(keys)
    for key in found:
        if key.kind is not Kind.NOTE:
            raise InputError(
                f"{key.name} is the key of a witness, not of a log.",
                mend="--key is the log's, as `govflow audit keys` prints it; --witness a witness'.",
            )
    return found


def read_text(file: Path) -> str:
    """The text of a file that somebody named. ``InputError`` if it cannot be read."""
    from govflow.errors import InputError

    try:
        return file.read_bytes().decode()  # as it is: to read it as text would make other line ends of it
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.", mend="Name a file that is there.") from None


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet, as a whole. ``InputError`` if it is there, or cannot be written."""
    from govflow.errors import InputError
    from govflow.services.new_files import new_file

    try:
        with new_file(file) as to:
            to.write(text.encode())
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}.", mend="Name a file that is not there."
        ) from None
