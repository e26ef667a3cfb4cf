"""The ``govflow`` command: what there is, and how a failure leaves the process.

The files of commands import next to nothing; what a command needs it imports when it is called. So ``govflow --help``
imports neither Prefect nor a database nor a graph library.

Exit codes: 0 clean; 1 findings, or the answer is no; 2 usage or internal error; 3, where it is asked for, people have
to approve; 130 interrupted. An internal error never exits 0 or 1.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Parameter

from govflow import __version__
from govflow.cli.approvals import app as approvals
from govflow.cli.audit import app as audit
from govflow.cli.check import check
from govflow.cli.conform import conform
from govflow.cli.console import console
from govflow.cli.demo import demo
from govflow.cli.deploy import deploy
from govflow.cli.deployments import app as deployments
from govflow.cli.diff import diff
from govflow.cli.doctor import doctor
from govflow.cli.explain import explain
from govflow.cli.keys import app as keys
from govflow.cli.lock import lock
from govflow.cli.people import app as people
from govflow.cli.permits import app as permits
from govflow.cli.plan import plan
from govflow.cli.policy import app as policy
from govflow.cli.receipt import app as receipt
from govflow.cli.reconcile import reconcile
from govflow.cli.run import exec_, run
from govflow.cli.scan import scan
from govflow.cli.up import signer, up

CLEAN: Final = 0
ERROR: Final = 2
INTERRUPTED: Final = 130
_NARROWEST: Final = 20  # columns; in two or less the tables of the help never end
_UNKNOWN: Final = 80

_EXAMPLES: Final = """Examples:

  govflow doctor                         is this installation fit to use?
  govflow scan .                         every flow here, and how risky it is
  govflow plan flows/etl.py              steps, edges, tiers, what policy says
  govflow lock flows/                    write govflow.lock, to be reviewed
  govflow check flows/                   in CI: exit 1 when code and lock differ
  govflow run -- python flow.py          govern flows that import Prefect alone
  govflow explain GF102                  why a finding matters, and what to do
  govflow approvals list                 questions that wait for a person
  govflow approvals approve ID --as bob  answer one
  govflow people invite bob              a link with which bob signs in
  govflow audit verify                   is the log whole?
  govflow deploy --all                   prefect deploy, verified
  govflow deployments audit              is anything deployed without a guard?
  govflow reconcile                      do engine and log say the same?
  govflow console --open                 the pages where people answer
  govflow up                             Prefect, console and signer together

Exit codes: 0 clean, 1 findings or refused, 2 usage or internal error,
3 approval required (--detailed-exit-code).
GOVFLOW_DEBUG=1 shows tracebacks. Settings: docs/settings.md.
"""


def make_app() -> App:
    """The command line, with nothing behind it imported."""
    app = App(
        name="govflow",
        help="The governance layer for Prefect 3: plans read from source, risk tiers, approvals, a tamper-evident log.",
        help_epilogue=_EXAMPLES,
        help_format="plaintext",
        version=__version__,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=""),
    )
    for command in (
        doctor,
        demo,
        scan,
        plan,
        lock,
        diff,
        check,
        explain,
        conform,
        deploy,
        reconcile,
        console,
        up,
        signer,
    ):
        app.command(command, help_format="markdown", help_epilogue="")
    app.command(run, help_format="markdown", help_epilogue="")
    app.command(exec_, name="exec", help_format="markdown", help_epilogue="")
    app.command(approvals)
    app.command(people)
    app.command(audit)
    app.command(receipt)
    app.command(permits)
    app.command(keys)
    app.command(deployments)
    app.command(policy)
    app.register_install_completion_command(help="Install completion for your shell.", help_epilogue="")
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: words after ``govflow``; without it those of the process.

    Returns:
        The exit code.
    """
    _open_what_is_closed()
    _leave_room()
    for stream in (sys.stdout, sys.stderr):
        # A file name that is no text must not end a report halfway.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        if argv is None:
            _collect_rarely()
        code = _run(make_app(), list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    return code


def _open_what_is_closed() -> None:
    """A caller may close stdout or stderr (`>&-`) and want the exit code alone; Python then has no stream there."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  it stays


def _leave_room() -> None:
    """Some terminals say that they have no columns at all (`docker exec -t`, COLUMNS=0)."""
    said = os.environ.get("COLUMNS", "")
    try:
        columns = int(said) if said.isdigit() else os.get_terminal_size(1).columns
    except OSError:  # stdout is no terminal
        return
    if columns < _NARROWEST:
        os.environ["COLUMNS"] = str(_NARROWEST if columns else _UNKNOWN)


def _collect_rarely() -> None:
    """This process ends with its command: looking for circles of garbage again and again costs more than it frees."""
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)


def _run(app: App, words: list[str]) -> int:
    from govflow.cli.failures import report

    try:
        result = app(
            words,
            result_action="return_value",
            exit_on_error=False,
            print_error=False,
        )
    except BrokenPipeError:
        raise
    except CycloptsError as error:
        return report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as leaving:
        # The completion installer leaves this way.
        return leaving.code if isinstance(leaving.code, int) else ERROR if leaving.code else CLEAN
    except Exception as error:  # noqa: BLE001  whatever it is, it must not exit 0 or 1 by accident
        return report(error)
    return result if isinstance(result, int) else CLEAN
