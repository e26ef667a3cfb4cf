"""Secrets that stand as literals in the source: a plan holds them, and so do the lock file and the database.

A plan is stored as it is hashed, so nothing in it can be masked afterwards. The place to mend is the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from govflow.ir.models import FlowParameter, Plan, Step
from govflow.telemetry import is_secret_name, redact_text

_REFERENCES: Final = frozenset(
    {"name", "names", "id", "ref", "path", "file", "block", "url", "uri", "type", "env", "arn"}
)
"""What a name ends in when it says where a secret is, or what kind: ``secret_name``, ``token_url``."""


def secrets_of_step(step: Step) -> list[str]:
    """The names of what is given to a step, or ``resource``, that seem to hold a secret. Values are never returned."""
    found = [name for name, value in step.constants.items() if _tells(name, value)]
    # A resource `secret://name` says where a secret is.
    return [*found, "resource"] if _tells("", step.resource.removeprefix("secret://")) else found


def secrets_of_flow(plan: Plan) -> list[str]:
    """The names of the flow's parameters whose default seems to be a secret."""
    return [parameter.name for parameter in plan.parameters if _default_tells(parameter)]


def _tells(name: str, value: Any) -> bool:
    """Whether a text in ``value`` is a secret by its name or by its form; numbers and flags are not."""
    return any(
        bool(text) and ((is_secret_name(key) and not _refers(key)) or redact_text(text) != text)
        for key, text in _texts(name, value)
    )


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the name that it stands under."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key if not is_secret_name(name) else name, item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(name, item)


def _default_tells(parameter: FlowParameter) -> bool:
    """A default is source text: a string literal has its quotes."""
    text = parameter.default or ""
    quoted = text.lstrip("rbuRBU")[:1] in {"'", '"'} and text.strip("rbuRBU'\"") != ""
    return quoted and _tells(parameter.name, text.strip("rbuRBU'\""))


def _refers(name: str) -> bool:
    return name.replace("-", "_").rpartition("_")[2].lower() in _REFERENCES
