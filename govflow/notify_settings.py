"""The setting ``notify``: by name, where messages about approvals go, whom each place serves, and what it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints, field_validator, model_validator

BLOCK: Final = "block:"
"""Before TYPE/NAME of a notification block that Prefect's server keeps, where an address may stand."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_BLOCK: Final = re.compile(r"block:[A-Za-z0-9-]+/[A-Za-z0-9-]+")
_SELECTOR: Final = re.compile(r"(user|role|group):\S.*")

MessageKind = Literal["asked", "reminder", "escalated", "decided", "break_glass", "delegated"]
TargetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Target(BaseModel):
    """One place that messages go to. Its address is often a secret: it is never shown, logged or stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr  # of Apprise, such as slack://… or mailto://…; or block:TYPE/NAME
    people: tuple[str, ...] = ()  # names of principals; with none and no selectors the place serves everybody
    selectors: tuple[str, ...] = ()  # user:NAME, role:NAME, group:NAME, as in approval rules
    kinds: tuple[MessageKind, ...] = ()  # empty: all
    with_token: bool = False  # each question brings a token of the one person whom the place serves

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not (_BLOCK if text.startswith(BLOCK) else _SCHEME).fullmatch(text):
            raise ValueError("write an Apprise address, SCHEME://…, or block:TYPE/NAME")
        return value

    @field_validator("selectors")
    @classmethod
    def _check_selectors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _SELECTOR.fullmatch(one):
                raise ValueError("a selector is user:NAME, role:NAME or group:NAME")
        return value

    @model_validator(mode="after")
    def _check_token(self) -> Target:
        if self.with_token and (len(self.people) != 1 or self.selectors):
            raise ValueError("with_token is for a place that serves exactly one of people, and no selectors")
        return self

    @property
    def block(self) -> str:
        """TYPE/NAME of a notification block; empty for an address."""
        text = self.url.get_secret_value()
        return text.removeprefix(BLOCK) if text.startswith(BLOCK) else ""


def targets_of(value: object) -> object:
    """The setting as people write it: a table, JSON, or ``NAME=ADDRESS`` with blanks between; a text is an address."""
    if isinstance(value, str):
        value = _from_text(value.strip())
    if not isinstance(value, Mapping):
        return value
    return {name: {"url": one} if isinstance(one, str | SecretStr) else one for name, one in value.items()}


def _from_text(text: str) -> object:
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            raise ValueError("it is no JSON") from None
    named = [part.partition("=") for part in text.split()]
    if any(not mark for _, mark, _ in named):
        raise ValueError("write NAME=ADDRESS with blanks between them, or JSON")
    if len({name for name, _, _ in named}) < len(named):
        raise ValueError("a name stands there twice")
    return {name: address for name, _, address in named}
