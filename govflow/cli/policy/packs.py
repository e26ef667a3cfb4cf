"""``govflow policy packs``."""

from __future__ import annotations

from typing import Literal


def packs(name: str | None = None, /, *, format: Literal["text", "json"] = "text") -> int:
    """List the policies that ship, or show the file of one.

    A policy file takes one up in a line:  imports: ["pack:enterprise"]

    Example:  govflow policy packs tenant-isolation

    Args:
        name: a pack; its file is written as it ships.
        format: text for people, json for programs.
    """
    from govflow.cli.output import write, write_json
    from govflow.policy.packs import pack_names, pack_text
    from govflow.services.describe.packs import pack_json, packs_text

    if name is None:
        if format == "json":
            write_json({"packs": [pack_json(one) for one in pack_names()]})
        else:
            write(packs_text())
        return 0
    text = pack_text(name)
    if format == "json":
        write_json({**pack_json(name), "text": text})
    else:
        write(text, coloured=False)
    return 0
