"""Sending by notification blocks that Prefect's server keeps: targets ``block:TYPE/NAME`` of the setting notify."""

from __future__ import annotations

import os
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.settings import get_current_settings

from govflow.approval.models import ApprovalRequest
from govflow.errors import NotSent
from govflow.services.describe.messages import Text


def send_by_server_block(name: str, text: Text) -> None:
    """Send by the block document of that TYPE/NAME.

    Raises:
        NotSent: it is not there, or is no notification block.
        Exception: what the block raises, which may quote its address: the caller shows none of it.
    """
    try:
        loaded = Block.load(name)
    except ValueError:
        raise NotSent(
            f"Prefect's server has no block {name!r}.", mend="Its documents are on the page Blocks of Prefect's UI."
        ) from None
    if not isinstance(loaded, NotificationBlock):
        raise NotSent(f"Block {name!r} sends no messages.", mend="Name a notification block, as slack-webhook/NAME is.")
    block: Any = loaded  # declared for async callers; in a sync one it returns when it is sent
    with block.raise_on_failure():
        block.notify(text.body, subject=text.title)


def run_link(request: ApprovalRequest) -> str:
    """The run's page in Prefect's UI; empty for what is no run of Prefect's, and where nobody knows the address."""
    url = os.environ.get("PREFECT_UI_URL") or str(get_current_settings().ui_url or "")
    run_id = request.binding.run_id
    return f"{url.rstrip('/')}/runs/flow-run/{run_id}" if url and "-" in run_id and "*" not in run_id else ""
