"""Where people are led: the console's page of a request, where somebody said where the console is."""

from __future__ import annotations

from urllib.parse import quote

from govflow.settings import Settings


def console_link(settings: Settings, request_id: str) -> str:
    """The address of the request's page in the console; empty where ``console_url`` was not set."""
    return console_page(settings, "requests", request_id)


def console_page(settings: Settings, *path: str) -> str:
    """The address of a page of the console; empty where ``console_url`` was not set.

    The default leads to this machine alone. In a message, which is read on another one, it would lead nowhere.
    """
    if "console_url" not in settings.model_fields_set:
        return ""
    return "/".join([settings.console_url, *(quote(part, safe="") for part in path)])
