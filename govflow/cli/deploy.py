"""``govflow deploy``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter


def deploy(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
    """Deploy flows as `prefect deploy` does, with the same arguments; a refusal is one message instead of a traceback.

    A deployment whose `build:` section has the step govflow.prefect.steps.verify is refused unless its flow is the
    approved plan. What is registered goes on record, so that `govflow deployments audit` can tell when it was edited.

    Exit code 0: deployed. 1: refused. 2: it could not be done.

    Examples, one a line:

    - `govflow deploy --all`
    - `govflow deploy flows/etl.py:nightly --name guarded --pool main`

    Args:
        words: everything that `prefect deploy` takes; `prefect deploy --help` lists it.
    """
    from govflow.cli.output import progress, write
    from govflow.cli.session import needs_prefect
    from govflow.settings import load_settings

    settings = load_settings()
    with progress("importing Prefect"), needs_prefect():
        from govflow.prefect.deploy_command import deploy as run
    made = run(words, settings)
    write(f"{made} deployment(s) registered and on record")
    return 0
