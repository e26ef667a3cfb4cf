"""``govflow scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def scan(
    *paths: str,
    format: Literal["text", "json", "md", "mermaid", "dot", "svg"] = "text",
    output: Path | None = None,
    environment: str = "production",
    policy: Path | None = None,
    tier: Literal[0, 1, 2, 3] = 0,
    suggest_policy: bool = False,
    fail_on_tier: Literal[1, 2, 3] | None = None,
) -> int:
    """See every flow of a repository: its steps, what each does to the world, how risky it is.

    The source is read, not imported; nothing is written, no lock file is needed, and nothing has to be installed. The
    exit code is 0 whatever is found, for a scan is no gate; `govflow check` is one.

    Examples, one a line:

    - `govflow scan .`
    - `govflow scan . --tier 2`
    - `govflow scan . --format svg --output flows.svg`
    - `govflow scan . --suggest-policy --output policy.yaml`

    Args:
        paths: files, folders, or FILE:FLOW.
        format: text for people, json for programs, md for a page; mermaid, dot and svg are pictures.
        output: write the report to this file.
        environment: judge as if the flows ran there.
        policy: judge by this policy file.
        tier: show only steps of at least this tier.
        suggest_policy: print a policy to start from that fits these flows, instead of a report.
        fail_on_tier: exit with 1 when a step has at least this tier.
    """
    from govflow.cli import session
    from govflow.cli.output import counting, deliver, json_text
    from govflow.errors import RequestError
    from govflow.ir.models import Tier
    from govflow.services.describe.pictures import PICTURES, picture
    from govflow.services.describe.scan import scan_json, scan_markdown, scan_text
    from govflow.services.lock_file import lock_folder
    from govflow.services.scan_repository import scan_repository

    if not paths:
        raise RequestError("PATH is missing.", mend="Name a file or a folder, as in: govflow scan .")
    with session.workspace(policy, environment) as workspace, counting("reading the source") as progress:
        found = scan_repository(workspace, paths, lock_folder(workspace), progress)
    lowest = Tier(tier)
    if suggest_policy:
        from govflow.services.suggest_policy import suggest_policy as suggest

        text = suggest(found).text
    elif format == "json":
        text = json_text(scan_json(found, lowest))
    elif format in PICTURES:
        flows = [(flow.name, flow.plan, flow.judged) for flow in found.flows]
        text = picture(format, flows, f"govflow scan {' '.join(paths)}", lowest=lowest)
    else:
        text = scan_markdown(found, lowest) if format == "md" else scan_text(found, lowest)
    deliver(text, output)
    return 1 if fail_on_tier is not None and found.tier >= fail_on_tier else 0
