"""``govflow plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def plan(
    *paths: str,
    format: Literal["text", "json", "md", "mermaid", "dot", "svg"] = "text",
    policy: Path | None = None,
    environment: str | None = None,
) -> int:
    """Show the plan of a flow: its steps and edges, what each does, its tier, and what the policy says.

    The source is read, not imported: nothing of it runs, and its dependencies need not be installed.

    Examples, one a line:

    - `govflow plan flows/etl.py`
    - `govflow plan flows/etl.py:nightly --format md --environment production`

    Args:
        paths: a file, a folder, or FILE:FLOW.
        format: text for people, json for programs, md for a page; mermaid, dot and svg are pictures.
        policy: judge by this policy file.
        environment: judge as if it ran there.
    """
    from govflow.cli import session
    from govflow.cli.output import progress, write, write_json
    from govflow.errors import RequestError
    from govflow.governor.assess import assess
    from govflow.services.describe import plan_json, plan_markdown, plan_mermaid, plan_text
    from govflow.services.lock_file import lock_folder
    from govflow.services.plan_flows import read_flows

    if not paths:
        raise RequestError("PATH is missing.", mend="Name a file or a folder, as in: govflow plan flows/etl.py")
    with session.workspace(policy, environment) as workspace, progress("reading the source"):
        reading = read_flows(paths, lock_folder(workspace), workspace.vocabulary, workspace.catalogue)
        flows = [
            (f.name, f.plan, assess(f.plan, workspace.ground, workspace.requester(), workspace.opened_at))
            for f in reading.flows
        ]
    if format == "json":
        unread = [{"file": one.file, "error": one.error.message} for one in reading.unread]
        write_json({"flows": [plan_json(*flow) for flow in flows], "unread": unread})
    elif format == "mermaid":
        write("\n".join(plan_mermaid(made, judged) for _, made, judged in flows))
    elif format in ("dot", "svg"):
        from govflow.services.describe.pictures import picture

        write(picture(format, flows, f"govflow plan {' '.join(paths)}"))
        session.report_unread(reading.unread)
    else:
        shown = plan_markdown if format == "md" else plan_text
        write("\n".join(shown(*flow) for flow in flows))
        session.report_unread(reading.unread)
    return 1 if reading.unread else 0
