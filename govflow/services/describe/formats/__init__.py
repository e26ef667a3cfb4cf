"""The report of a check in the forms that people and CI systems read; one file a format.

Each file has one function that takes a :class:`~govflow.services.check_plans.CheckReport` and gives text. Names,
messages and source lines are somebody else's: each format escapes them as its reader asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from govflow.services.check_plans import CheckReport

FormatName = Literal["text", "json", "md", "github", "gitlab", "junit", "sarif"]

_MODULES: Final[Mapping[FormatName, str]] = {
    "text": "terminal",
    "json": "document",
    "md": "comment",
    "github": "github",
    "gitlab": "gitlab",
    "junit": "junit",
    "sarif": "sarif",
}
NAMES: Final[tuple[FormatName, ...]] = get_args(FormatName)


def render(report: CheckReport, format: FormatName) -> str:
    """The report in one format, with a newline at its end."""
    module = import_module(f"{__name__}.{_MODULES[format]}")
    made: Callable[[CheckReport], str] = module.render
    return made(report)
