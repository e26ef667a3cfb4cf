"""What a command stands on while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from govflow.cli.failures import report

if TYPE_CHECKING:
    from govflow.services.plan_flows import Unread
    from govflow.services.workspace import Workspace
    from govflow.settings import Settings


@contextmanager
def workspace(policy: Path | None = None, environment: str | None = None) -> Iterator[Workspace]:
    """The configured workspace, closed afterwards. Arguments win over every other source of settings.

    Records below WARNING would only stand between the lines of a report; GOVFLOW_DEBUG shows them.
    """
    import logging

    from govflow.services.workspace import open_workspace
    from govflow.settings import load_settings
    from govflow.telemetry import configure

    settings = load_settings(policy=policy, environment=environment)
    reach_policy(settings)
    configure(settings, level=logging.DEBUG if settings.debug else logging.WARNING)
    opened = open_workspace(settings)
    try:
        yield opened
    finally:
        opened.close()


def reach_policy(settings: Settings) -> None:
    """Load the adapter where the policy is a block: it asks Prefect's server. Elsewhere its import costs seconds.

    Raises:
        EngineError: Prefect is needed and not installed.
    """
    from govflow.services.policy_blocks import block_name

    if settings.policy is not None and block_name(settings.policy) is not None:
        with needs_prefect():
            import govflow.prefect  # noqa: F401 - it says how blocks are read


def report_unread(unread: Sequence[Unread]) -> None:
    """Say on stderr which files of a folder could not be read, and why."""
    for one in unread:
        report(one.error)


@contextmanager
def needs_prefect() -> Iterator[None]:
    """Imports in here need Prefect.

    Raises:
        EngineError: it is not installed.
    """
    from govflow.errors import EngineError

    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prefect":
            raise
        raise EngineError("Prefect is not installed.", mend="pip install 'govflow[prefect]'") from None
