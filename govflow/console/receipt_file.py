"""The receipt of a run, as a file to keep."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from fastapi import Response

from govflow.services.make_receipt import sealed_receipt
from govflow.services.workspace import Workspace

_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 80  # characters of a run's id in the name of a file


def receipt_file(workspace: Workspace, run_id: str, subject: str) -> Response:
    """The receipt of a run, byte for byte what ``govflow receipt make`` writes of the same log.

    Args:
        workspace: whose log.
        run_id: of which run.
        subject: who asks for it, which is put on record.

    Raises:
        RequestError: the log of this tenant has no record of the run.
        NoReceipt: there is none as things stand.
        KeyFileError: the signing key cannot be used.
    """
    text = sealed_receipt(workspace, run_id, subject, datetime.now(UTC))
    name = _PLAIN.sub("-", run_id)[:_LONGEST].strip(".-") or "run"
    return Response(
        text.encode(),
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{name}.receipt.json"', "cache-control": "no-store"},
    )
