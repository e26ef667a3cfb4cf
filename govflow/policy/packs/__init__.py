"""Policy packs: policies that ship, and that a file of yours takes up in one line.

    imports: ["pack:enterprise", "pack:production-changes?records=500"]

Each is an ordinary policy file beside this one. ``docs/packs.md`` tells what they say.
"""

from govflow.policy.packs.limits import LIMITS, Limit, limited
from govflow.policy.packs.shipped import PREFIX, PackName, pack_name, pack_names, pack_text

__all__ = ["LIMITS", "PREFIX", "Limit", "PackName", "limited", "pack_name", "pack_names", "pack_text"]
