"""The ``govflow`` command: what there is, and how a failure leaves the process.

Commands are registered by name and imported when they are called: ``govflow --help`` imports neither Prefect nor a
database nor a graph library.

Exit codes: 0 clean; 1 findings, or the answer is no; 2 usage or internal error; 130 interrupted. An internal error
never exits 0 or 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError

from govflow import __version__

CLEAN: Final = 0
FINDINGS: Final = 1
ERROR: Final = 2
INTERRUPTED: Final = 130

_EXAMPLES: Final = """Examples:

  govflow doctor                          is this installation fit to use?
  govflow plan flows/etl.py               steps, edges, tiers and what the policy says
  govflow lock flows/                     write govflow.lock: the plans as they are now
  govflow check flows/                    in CI: exit 1 when code and lock differ
  govflow approvals list                  questions that wait for a person
  govflow approvals approve ID --as bob   answer one
  govflow audit verify                    is the log whole?

Exit codes: 0 clean, 1 findings or refused, 2 usage or internal error. GOVFLOW_DEBUG=1 shows tracebacks.
"""


def make_app() -> App:
    """The command line, with nothing behind it imported."""
    app = App(
        name="govflow",
        help="The governance layer for Prefect 3: plans read from source, risk tiers, approvals, a tamper-evident log.",
        help_epilogue=_EXAMPLES,
        help_format="plaintext",
        version=__version__,
        default_parameter=None,
    )
    room = "govflow.cli"
    app.command(f"{room}.doctor:doctor", name="doctor", help="Check this installation and say how to mend it.")
    app.command(f"{room}.demo:demo", name="demo", help="Show a governed flow from end to end, on real data.")
    app.command(f"{room}.plan:plan", name="plan", help="Show the plan of a flow: steps, edges, tiers, policy verdict.")
    app.command(f"{room}.lock:lock", name="lock", help="Write govflow.lock; with --approve record the approval.")
    app.command(f"{room}.diff:diff", name="diff", help="Show what changed: code against lock, or git BASE..HEAD.")
    app.command(f"{room}.check:check", name="check", help="Everything for CI in one command: drift, tiers, verdicts.")
    app.command(f"{room}.approvals:app", name="approvals", help="List, show and answer approval requests.")
    app.command(f"{room}.audit:app", name="audit", help="Verify and read the audit log.")
    app.register_install_completion_command(help="Install completion for your shell.")
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: words after ``govflow``; without it those of the process.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        # A file name that is no text must not end a report halfway.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(make_app(), list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    return code


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
