"""``govflow run`` and ``govflow exec``: any command, with the flows of its processes governed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Mode = Literal["observe", "enforce"]


def run(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    mode: Mode | None = None,
    format: Literal["text", "json"] = "text",
    report: Path | None = None,
) -> int:
    """Run a command with its Prefect flows governed, and say at the end what was stopped, or would have been.

    The flows need not know of govflow: `from prefect import flow, task` stays as it is. Every Python process that the
    command starts is governed, if it keeps PYTHONPATH and the environment.

    The command has this terminal: its output, input, signals and exit code are its own. The report goes to stderr, or
    to a file.

    Exit code: that of the command; 128 + N if signal N ended it; 2 if it could not be started.

    Examples, one a line:

    - `govflow run -- python flow.py --day 2024-05-01`
    - `govflow run --mode enforce -- python flow.py`
    - `govflow run --format json --report stops.json -- pytest tests/`

    Args:
        command: the command and its arguments, after `--`.
        mode: observe (nothing is stopped) or enforce; without it what the settings say.
        format: text for people, json for programs.
        report: the file for the report; without it stderr.
    """
    import os
    import tempfile

    from govflow.cli.child import run_child
    from govflow.startup.environment import governed_environment

    with tempfile.TemporaryDirectory(prefix="govflow-run-") as folder:
        runs = Path(folder) / "runs"
        runs.touch()
        code = run_child(_given(command), governed_environment(os.environ, mode=mode, runs=runs))
        _report(runs, format, report)
    return code


def exec_(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    mode: Mode | None = None,
) -> int:
    """Become a command, with its Prefect flows governed: as `govflow run`, without a report and without a process more.

    For services and containers: the command takes the place of this process, with its process id.

    Examples, one a line:

    - `govflow exec --mode enforce -- prefect worker start --pool main`
    - `govflow exec -- python serve.py`

    Args:
        command: the command and its arguments, after `--`.
        mode: observe (nothing is stopped) or enforce; without it what the settings say.
    """
    import os

    from govflow.cli.child import could_not_start
    from govflow.startup.environment import governed_environment

    words = _given(command)
    try:
        os.execvpe(words[0], words, governed_environment(os.environ, mode=mode))
    except OSError as error:
        raise could_not_start(words[0], error) from error


def _given(command: tuple[str, ...]) -> list[str]:
    from govflow.errors import RequestError

    if not command:
        raise RequestError("There is no command to run.", mend="Write it after --: govflow run -- python flow.py")
    return list(command)


def _report(runs: Path, format: str, file: Path | None) -> None:
    """Say what became of the runs. What fails here is said, and changes nothing of how the command ended."""
    import sys

    from govflow.cli.failures import report
    from govflow.cli.output import json_text
    from govflow.cli.session import workspace
    from govflow.errors import GovflowError
    from govflow.services.describe.run_reports import run_reports_text
    from govflow.services.noted_runs import noted_runs
    from govflow.services.report_runs import report_runs

    try:
        ids = noted_runs(runs)
        found = []
        if ids:
            with workspace() as opened:
                found = report_runs(opened.store, opened.settings.tenant, ids)
        text = json_text({"runs": [one.to_dict() for one in found]}) if format == "json" else run_reports_text(found)
        if file is None:
            sys.stderr.write(text)
        else:
            file.write_text(text, encoding="utf-8")
    except (GovflowError, OSError) as error:
        report(error)
