"""Files that the browser loads: each is named with its digest, so that it takes that very file, and keeps it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from hashlib import sha384
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from govflow.console.integrity import vendored

FOLDER: Final = Path(__file__).with_name("static")
_YEAR: Final = 365 * 86400  # seconds


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file below ``/static``."""

    integrity: str  # as browsers check it (W3C Subresource Integrity)
    version: str  # another one for other content


@cache
def static_file(path: str) -> StaticFile:
    """A file by its path below the folder; it is read once.

    Raises:
        OSError: there is no such file.
    """
    digest = sha384((FOLDER / path).read_bytes()).digest()
    folder, _, name = path.rpartition("/")
    # Files of others go by what was written down when they were looked at, whatever stands there now.
    known = vendored()[name] if folder == "vendor" else f"sha384-{base64.b64encode(digest).decode('ascii')}"
    return StaticFile(known, digest.hex()[:12])


class KeptFiles(StaticFiles):
    """An address with a version never changes its content and is kept; any other is asked for anew."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it holds."""
        response = await super().get_response(path, scope)
        fixed = scope.get("query_string", b"").startswith(b"v=") and response.status_code in (200, 304)
        response.headers["cache-control"] = f"public, max-age={_YEAR}, immutable" if fixed else "no-cache"
        return response
