"""What changed between two plans."""

from __future__ import annotations

from govflow.ir.changes import PlanDiff
from govflow.services.describe.escape import plain


def diff_text(name: str, diff: PlanDiff) -> str:
    """For a terminal: ``+`` added, ``-`` removed, ``~`` changed or rewired, ``>`` moved."""
    if not diff:
        return f"{plain(name)}: unchanged\n"
    head = f"{plain(name)}: {diff.approved_hash} -> {diff.loaded_hash}"
    return "\n".join([head, *(f"  {plain(line)}" for line in diff.lines())]) + "\n"


def diff_markdown(name: str, diff: PlanDiff) -> str:
    """For a pull request: a ``diff`` block, which colours added and removed steps."""
    from govflow.services.describe.escape import code

    if not diff:
        return f"{code(name)}: unchanged\n"
    lines = [plain(line) for line in diff.lines()]
    # A fence longer than any in the lines: nothing in them can close the block.
    longest = max((len(run) for line in lines for run in _runs(line)), default=0)
    fence = "`" * max(3, longest + 1)
    # GitHub colours "!" lines as changed; "~" has no colour there.
    shown = [f"! {line[2:]}" if line.startswith(("~ ", "> ")) else line for line in lines]
    return "\n".join([f"#### {code(name)}", "", f"{fence}diff", *shown, fence]) + "\n"


def _runs(line: str) -> list[str]:
    import re

    return re.findall("`+", line)
