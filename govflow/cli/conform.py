"""``govflow conform``."""

from __future__ import annotations

from typing import Literal


def conform(run_id: str, path: str, *, format: Literal["text", "json", "md"] = "text") -> int:
    """Compare what ran with the plan: the graph that Prefect's server recorded, with the steps and edges of the source.

    Every recorded call must be a planned step (else it is *unplanned*), every recorded edge a planned edge (else
    *uncovered*), and every step that is certain to run must have been called if the run completed (else *missing*).
    Runs of subflows are compared with the plans of the subflows.

    Prefect records of a call the name of its function. Where one function is called at several places, the calls are
    told apart by their edges. The log of a governed run names the step of each call; it is used where it is found.

    Exit code 0: the run followed the plan. 1: it did not.

    Examples, one a line:

    - `govflow conform 6a5f5d2c-… flows/etl.py`
    - `govflow conform 6a5f5d2c-… flows/etl.py:nightly --format md`

    Args:
        run_id: the flow run, on the server that PREFECT_API_URL names.
        path: the file of the flow as it was when it ran, or FILE:FLOW.
        format: text for people, json for programs, md for a page.
    """
    from govflow.cli.output import progress, write, write_json
    from govflow.cli.session import needs_prefect
    from govflow.services.conform_run import conform_run
    from govflow.services.describe.conformance import conformance_markdown, conformance_text
    from govflow.settings import load_settings

    with progress("importing Prefect"), needs_prefect():
        from govflow.prefect.recorded import read_run
    with progress("reading the run and the source"):
        found = conform_run(run_id, path, read_run, load_settings())
    if format == "json":
        write_json({"conforms": found.conforms, "run": found.to_dict()})
    else:
        write(conformance_markdown(found) if format == "md" else conformance_text(found))
    return 0 if found.conforms else 1
