"""``govflow receipt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from govflow.cli.audit import Keys, read_text, write_new

app = App(
    name="receipt",
    help="One signed file for a run, which a stranger verifies with the log's public key.",
    help_format="markdown",
    help_epilogue="",
)


@app.command
def make(run: str, *, out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None) -> int:
    """Write the receipt of a run: plan, policy, decisions, approvals, and a proof of each record.

    It is made from the log alone, which is sealed first where no checkpoint covers the run yet, and holds no personal
    value: a record only commits to those. That you asked for it is a record itself.

    Examples, one a line:

    - `govflow receipt make 6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11`
    - `govflow receipt make 6ac954a9-7a3c-4a51-9a5e-2f7c1a0a7c11 -o run.receipt.json`

    Args:
        run: id of the flow run.
        out: write it to this file, which must not be there yet.
    """
    from datetime import UTC, datetime

    from govflow.cli import session
    from govflow.cli.output import write
    from govflow.services.make_receipt import make_receipt

    with session.workspace() as workspace:
        text = make_receipt(workspace, run, datetime.now(UTC))
    if out is not None:
        write_new(out, text)
        write(f"the receipt of {run}, in {out}")
    else:
        write(text.rstrip("\n"))
    return 0


@app.command
def verify(receipt: Path, *, keys: Keys = (), format: Literal["text", "json"] = "text") -> int:
    """Verify a receipt with public keys and nothing else: no database, no network, no settings.

    Exit code 0: verified. 1: tampered. 4: cannot be judged; what is missing is named.

    Example:  govflow receipt verify run.receipt.json --key "$(cat log.key)"

    Args:
        receipt: the file that `govflow receipt make` wrote.
        keys: verifier keys of the log, as you were handed them, or a file that holds them.
        format: text for people, json for programs.
    """
    from govflow.audit.receipt_verifier import EXIT, judge, words_of
    from govflow.cli.output import write, write_json

    verdict = judge(read_text(receipt), words_of(keys))
    if format == "json":
        write_json({"verdict": verdict.outcome, "words": verdict.words, "record": verdict.record})
    else:
        write(f"{verdict.outcome}: {verdict.words}")
    return EXIT[verdict.outcome]


@app.command
def show(receipt: Path, *, keys: Keys = (), format: Literal["text", "json"] = "text") -> int:
    """Verify a receipt, and print what it says: who, what, under which policy, who approved, and when.

    Nothing is shown of a receipt that is not verified. The exit codes are those of `govflow receipt verify`.

    Example:  govflow receipt show run.receipt.json --key "$(cat log.key)"

    Args:
        receipt: the file that `govflow receipt make` wrote.
        keys: verifier keys of the log, as you were handed them, or a file that holds them.
        format: text for people, json for programs.
    """
    from govflow.audit.receipt_verifier import EXIT, judge, told, words_of
    from govflow.cli.output import write, write_json

    verdict = judge(read_text(receipt), words_of(keys))
    if format == "json":
        write_json({"verdict": verdict.outcome, "words": verdict.words, "facts": verdict.facts})
    else:
        write("\n".join([f"{verdict.outcome}: {verdict.words}", *([told(verdict.facts)] if verdict.facts else [])]))
    return EXIT[verdict.outcome]


@app.command
def verifier() -> int:
    """Print the verifier: one Python file that needs the package cryptography, and nothing of govflow.

    Example:  govflow receipt verifier > verify_receipt.py
    """
    from govflow.audit import receipt_verifier
    from govflow.cli.output import write

    write(Path(receipt_verifier.__file__).read_text(encoding="utf-8").rstrip("\n"))
    return 0
