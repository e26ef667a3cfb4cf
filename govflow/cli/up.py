"""``govflow up`` and ``govflow signer``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from govflow.cli import session

if TYPE_CHECKING:
    import threading


Serve = Literal["auto", "prefect", "console", "nothing"]


def up(*, serve: Serve = "auto", port: int | None = None) -> int:
    """Run what govflow needs beside the flows, in the foreground: signer, messages, console and server.

    Prefect's server and the console share one process and one port, with the console at /govflow. It starts each part
    as a process of its own, starts it again when it dies, and ends all of them on Ctrl-C or SIGTERM. Flows use the
    signer when GOVFLOW_SIGNER=process is set for them; otherwise they sign their own permits.

    Example:  GOVFLOW_SIGNER=process govflow up

    Args:
        serve: what to serve to browsers beside the signer. auto: Prefect's server with the console, or the console
            alone where PREFECT_API_URL names a server or Prefect is not installed.
        port: of what is served; 4200 with Prefect's server, 4300 for the console alone.
    """
    import sys

    from govflow.services.supervise import Part, supervise

    with session.workspace() as workspace:
        workspace.store.keys.all()  # a database that cannot be used is said here, once
        settings = workspace.settings
    stop = stopped_by_signals()
    _say(f"govflow up: database {settings.redacted_url}")
    if settings.signer == "embedded":
        _say("flows sign their own permits (signer=embedded); GOVFLOW_SIGNER=process makes them ask this signer")
    govflow = (sys.executable, "-m", "govflow.cli")
    parts = [
        Part("signer", (*govflow, "signer"), fatal=frozenset({2})),
        Part("messages", (*govflow, "approvals", "notify", "--watch"), fatal=frozenset({2})),
    ]
    served = _served(serve)
    if served != "nothing":
        words = [*(["--prefect"] if served == "prefect" else []), *(["--port", str(port)] if port else [])]
        parts.append(Part("console", (*govflow, "console", *words), fatal=frozenset({2})))
    code = supervise(parts, stop, _say)
    _say("govflow up: ended")
    return code


def _served(serve: Serve) -> Serve:
    import os
    from importlib.util import find_spec

    if serve != "auto":
        return serve
    if not all(find_spec(name) for name in ("fastapi", "uvicorn", "jinja2")):
        _say("nothing is served to browsers: pip install 'govflow[console]'")
        return "nothing"
    here = find_spec("prefect") is not None and not os.environ.get("PREFECT_API_URL")
    return "prefect" if here else "console"


def signer() -> int:
    """Run the signer of permits alone, in the foreground, until Ctrl-C or SIGTERM.

    It holds the private key, and signs what the governance database records: a run that is open, with the plan that
    was approved. Any number of signers may run for one database. `govflow up` runs one and starts it again.

    Example:  govflow signer
    """
    from govflow.services.ask_signer import signer_runs
    from govflow.services.key_files import signing_key_file
    from govflow.services.signer import serve

    with session.workspace() as workspace:
        settings = workspace.settings
        stop = stopped_by_signals()
        watch_supervisor(stop)
        if signer_runs(settings):
            _say("signer: another one runs for this database; both answer")
        where = f"{signing_key_file(settings)}; database {settings.redacted_url}"
        serve(workspace, stop, lambda kid: _say(f"signer: ready; key {kid} in {where}"))
    _say("signer: ended")
    return 0


def stopped_by_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set, in place of what they would do."""
    import signal
    import threading

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def watch_supervisor(stop: threading.Event) -> None:
    """Stop when the `govflow up` that started this process is gone."""
    import os
    import threading

    from govflow.services.supervise import PARENT, orphaned

    def watch() -> None:
        while not stop.wait(1.0):
            if orphaned():
                stop.set()

    if PARENT in os.environ:
        threading.Thread(target=watch, name="govflow-supervisor-watch", daemon=True).start()


def _say(line: str) -> None:
    print(line, flush=True)
