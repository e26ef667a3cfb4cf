"""``govflow approvals notify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from govflow.cli import session

if TYPE_CHECKING:
    from govflow.services.message_people import Round
    from govflow.services.notify import Link
    from govflow.settings import Settings


def notify(*, watch: bool = False, format: Literal["text", "json"] = "text") -> int:
    """Sweep: close what is overdue, count reminders and escalations, and send the messages that are due.

    Who is told, and where, is the setting `notify`. Any number of sweepers may run: one at a time holds a message.
    Exit 1 if a message was given up.

    Example:  govflow approvals notify --watch

    Args:
        watch: go on every few seconds, until Ctrl-C or SIGTERM.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.cli.up import stopped_by_signals, watch_supervisor
    from govflow.services.message_people import keep_messaging, message_people

    with session.workspace() as workspace:
        link = _link(workspace.settings)
        if watch:
            stop = stopped_by_signals()
            watch_supervisor(stop)
            names = ", ".join(sorted(workspace.settings.notify)) or "nobody; the setting notify names whom"
            print(f"messages: ready; told: {names}", flush=True)
            keep_messaging(workspace, stop, _say, link)
            write("messages: ended")
            return 0
        done = message_people(workspace, datetime.now(UTC), link)
    if format == "json":
        write_json(done.to_dict())
    else:
        write(_text(done) or "nothing was due")
    return 1 if done.delivered.given_up else 0


def _link(settings: Settings) -> Link | None:
    """Where requests are read, if no console is configured: in Prefect, whose import is paid for only then."""
    if not settings.notify or ("console_url" in settings.model_fields_set and not _blocks(settings)):
        return None
    try:
        from govflow.prefect.notification_blocks import run_link
    except ModuleNotFoundError:
        return None
    return run_link


def _blocks(settings: Settings) -> bool:
    return any(target.block for target in settings.notify.values())


def _say(done: Round) -> None:
    text = _text(done)
    if text:
        print(f"messages: {text}", flush=True)


def _text(done: Round) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in done.to_dict().items() if number)
