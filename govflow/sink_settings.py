"""The setting ``sinks``: by name, where events go, and which of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints, field_validator, model_validator

_SYSLOG: Final = re.compile(
    r"(udp|tcp)://(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})|unix://(?P<path>/\S+)"
)
_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

SinkName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class SinkSettings(BaseModel):
    """One sink: exactly one of the first five says of which kind it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    file: Path | None = None  # a line of JSON for each event
    webhook: SecretStr | None = None  # an address may hold a secret
    syslog: str | None = None  # udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH
    function: str | None = None  # package.module:function
    prefect: Literal[True] | None = None  # Prefect's event feed, in place of what governed runs tell it by themselves
    sync: bool = False  # a file: each line is on disk before the next is written
    secret_file: Path | None = None  # signs what goes to the webhook
    events: tuple[str, ...] = ("",)  # beginnings of names

    @field_validator("syslog")
    @classmethod
    def _check_syslog(cls, value: str | None) -> str | None:
        if value is not None and not _SYSLOG.fullmatch(value):
            raise ValueError("write udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH")
        return value

    @field_validator("function")
    @classmethod
    def _check_function(cls, value: str | None) -> str | None:
        if value is not None and not _FUNCTION.fullmatch(value):
            raise ValueError("write package.module:function")
        return value

    @field_validator("file", "secret_file")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @model_validator(mode="after")
    def _check_kind(self) -> SinkSettings:
        kinds = (self.file, self.webhook, self.syslog, self.function, self.prefect)
        if sum(one is not None for one in kinds) != 1:
            raise ValueError("a sink has exactly one of file, webhook, syslog, function and prefect")
        if self.sync and self.file is None:
            raise ValueError("sync goes with file")
        if (self.webhook is None) != (self.secret_file is None):
            raise ValueError("a webhook, and nothing else, has a secret_file")
        if not self.events:
            raise ValueError("events that names no beginning leaves the sink without any")
        return self

    def syslog_parts(self) -> tuple[str, str, int]:
        """``udp``, ``tcp`` or ``unix``; host or path; port, 0 for a path."""
        found = _SYSLOG.fullmatch(self.syslog or "")
        if found is None:
            raise ValueError("it is no syslog sink")
        if found["path"]:
            return "unix", found["path"], 0
        return found[1], found["host"].strip("[]"), int(found["port"])


def sinks_of(value: object) -> object:
    """A table of sinks, or its JSON: what an environment variable can hold."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        raise ValueError("it is neither a table nor JSON") from None
    if not isinstance(found, Mapping):
        raise ValueError("it is not a table of names")
    return found
