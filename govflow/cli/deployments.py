"""``govflow deployments``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

app = App(name="deployments", help="Look after what is deployed.", help_format="markdown", help_epilogue="")


@app.command
def audit(
    *,
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    export: Path | None = None,
    format: Literal["text", "json"] = "text",
    environment: str | None = None,
) -> int:
    """List deployments that lack the guard, whose guard was edited, or whose plan is not the approved one any more.

    It reads the server that PREFECT_API_URL names, what `govflow deploy` put on record, and the approved plans.

    Exit code 0: clean; warnings do not fail. 1: errors. 2: it could not be decided.

    Examples, one a line:

    - `govflow deployments audit`
    - `govflow deployments audit --format json`
    - `govflow deployments audit --from deployments.json`

    Args:
        from_: read the deployments from this file instead of the server.
        export: write what the server has to this file as well, to be audited elsewhere.
        format: text for people, json for programs.
        environment: as if asked there.
    """
    from govflow.cli import session
    from govflow.cli.output import deliver, json_text, progress, write, write_json
    from govflow.services.audit_deployments import audit_deployments
    from govflow.services.describe.deployments import deployments_text
    from govflow.services.registered import read_file, to_json

    if from_ is not None:
        deployments = read_file(from_)
    else:
        with progress("importing Prefect"), session.needs_prefect():
            from govflow.prefect.registered import read_deployments
        with progress("reading the deployments of the server"):
            deployments = read_deployments()
    if export is not None:
        deliver(json_text([to_json(one) for one in deployments]), export)
    with session.workspace(environment=environment) as workspace, progress("comparing"):
        found = audit_deployments(workspace, deployments)
    if format == "json":
        write_json(found.to_dict())
    else:
        write(deployments_text(found))
    return 0 if found.clean else 1
