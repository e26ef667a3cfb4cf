"""Files of others that the console brings along: from which package, under which licence, with which digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def vendored() -> Mapping[str, str]:
    """File to its ``integrity``, as browsers check it (W3C Subresource Integrity)."""
    listed = json.loads(files("govflow.console").joinpath("static/vendor/integrity.json").read_text("utf-8"))
    return {one["file"]: one["integrity"] for one in listed}
