"""``govflow console``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from govflow.cli import session

PORT: Final = 4300
PREFECT_PORT: Final = 4200
BELOW: Final = "/govflow"
"""Where the console is on the port of Prefect's server."""


def console(*, host: str = "127.0.0.1", port: int | None = None, open: bool = False, prefect: bool = False) -> int:
    """Serve the console, in which people look at requests and answer them, until Ctrl-C.

    It listens on this machine alone. For others let a proxy that speaks https stand before it, and set
    GOVFLOW_CONSOLE_URL to the proxy's address.

    Example:  govflow console --open

    Args:
        host: to listen on.
        port: to listen on; 4300, or 4200 with --prefect.
        open: open it in a browser.
        prefect: serve Prefect's server as well, on the same port; the console is at /govflow then.
    """
    chosen = port if port is not None else PREFECT_PORT if prefect else PORT
    with session.workspace() as workspace, _needs_console():
        from govflow.cli.resuming import prefect_engine
        from govflow.console.app import create_app
        from govflow.console.beside import beside
        from govflow.console.live import end_streams
        from govflow.console.serve import check_host, serve
        from govflow.console.session_cookie import is_https

        check_host(host, workspace.settings)
        people = workspace.store.people.list(workspace.settings.tenant)  # a database that cannot be used is said here
        other = _prefect_server(host, chosen) if prefect else None
        own = create_app(workspace, prefect_engine)
        application = own if other is None else beside(other, own, BELOW)
        address = f"http://{host}:{chosen}{BELOW if prefect else ''}"
        _say(f"govflow console: {address}")
        if workspace.settings.console_url != address:
            _say(f"links lead to {workspace.settings.console_url}; GOVFLOW_CONSOLE_URL={address} makes them lead here")
        if not people:
            _say("nobody can sign in yet: govflow people add NAME, then govflow people invite NAME")
        if prefect:
            _say(
                f"Prefect's server: http://{host}:{chosen}; flows use it with PREFECT_API_URL=http://{host}:{chosen}/api"
            )
        if open:
            _open_in_browser(address)
        _end_with_supervisor()
        _end_cleanly()
        serve(application, host, chosen, partial(end_streams, own), behind_proxy=is_https(workspace.settings))
    _say("govflow console: ended")
    return 0


def _prefect_server(host: str, port: int) -> Any:
    with session.needs_prefect():
        from govflow.prefect.server_app import server_application

        return server_application(host, port)


@contextmanager
def _needs_console() -> Iterator[None]:
    """Imports in here need the packages of the extra ``console``.

    Raises:
        EngineError: they are not installed.
    """
    from govflow.errors import EngineError

    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("govflow", "prefect"):
            raise
        raise EngineError(
            f"The console needs {error.name}, which is not installed.", mend="pip install 'govflow[console]'"
        ) from None


def _open_in_browser(address: str) -> None:
    """A moment later, when it answers."""
    import threading
    import webbrowser

    later = threading.Timer(1.5, webbrowser.open, [address])
    later.daemon = True
    later.start()


def _end_cleanly() -> None:
    """The server ends in order on a signal, and then raises it again: nothing is left that it should do."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)


def _end_with_supervisor() -> None:
    """End when the `govflow up` that started this process is gone."""
    import os
    import signal
    import threading
    import time

    from govflow.services.supervise import PARENT, orphaned

    def watch() -> None:
        while not orphaned():
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    if PARENT in os.environ:
        threading.Thread(target=watch, name="govflow-supervisor-watch", daemon=True).start()


def _say(line: str) -> None:
    print(line, flush=True)
