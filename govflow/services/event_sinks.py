"""The sinks of the settings, told of each published event once its record is acknowledged."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from govflow.audit.record import Ack, Draft
from govflow.errors import GovflowError, SettingsError
from govflow.events.callable_sink import CallableSink
from govflow.events.envelope import envelope_of
from govflow.events.sinks import FanOut, JsonlSink, Route, Sink
from govflow.events.syslog import SyslogSink
from govflow.events.webhook import WebhookSink
from govflow.settings import Settings
from govflow.sink_settings import SinkSettings
from govflow.store import Store
from govflow.telemetry import get_logger, redact

_log = get_logger(__name__)

PREFECT: Final = "govflow.prefect.event_feed:send"
"""What tells Prefect's event feed of an envelope; it is above this room, and only imported when one is sent."""


def tell_sinks(store: Store, settings: Settings) -> FanOut:
    """Have every record that this process writes told to the sinks. One that cannot be made is said, and left out."""
    routes = []
    for name, given in settings.sinks.items():
        try:
            routes.append(Route(sink_of(given), prefixes=given.events))
        except GovflowError as error:
            _log.warning("sink.unusable", sink=name, reason=error.message, mend=error.mend)
    fan_out = FanOut(routes)

    def told(draft: Draft, ack: Ack) -> None:
        try:
            envelope = envelope_of(draft, ack)
            if envelope is not None:  # it leaves this machine: masked as wherever else a record is shown
                fan_out.publish(envelope.model_copy(update={"payload": redact(envelope.payload)}))
        except Exception as error:  # noqa: BLE001 - the record is safe; news of it must not stop who wrote it
            _log.warning("event.lost", event_name=draft.event, reason=type(error).__name__)

    store.tell(told)
    return fan_out


def sink_of(given: SinkSettings) -> Sink:
    """The sink that the settings describe.

    Raises:
        SettingsError: its secret cannot be read or is too short, its address is not allowed, there is no such function,
            or Prefect is not installed.
    """
    if given.file is not None:
        return JsonlSink(given.file, sync=given.sync)
    if given.prefect:
        if find_spec("prefect") is None:
            raise SettingsError(
                "Prefect is not installed, so there is no event feed.",
                mend="Install it: pip install 'govflow[prefect]'",
            )
        return CallableSink.late(PREFECT)
    if given.function is not None:
        return CallableSink.named(given.function)
    if given.syslog is not None:
        kind, where, port = given.syslog_parts()
        if kind == "unix":
            return SyslogSink.unix(Path(where))
        return SyslogSink.udp(where, port) if kind == "udp" else SyslogSink.tcp(where, port)
    assert given.webhook is not None and given.secret_file is not None
    return WebhookSink(given.webhook.get_secret_value(), _secret(given.secret_file))


def _secret(file: Path) -> SecretStr:
    try:
        return SecretStr(file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The webhook's secret in {file} cannot be read ({type(error).__name__}).",
            mend="Write one there: openssl rand -hex 32",
        ) from None
