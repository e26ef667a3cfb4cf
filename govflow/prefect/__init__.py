"""The Prefect adapter: ``from govflow.prefect import flow, task`` instead of ``from prefect import flow, task``.

Everything that knows Prefect is in this room. It translates and calls; what may run is decided in
:mod:`govflow.governor`.
"""

from govflow.prefect.engine import require_supported

require_supported()

from govflow.prefect.flows import GovernedFlow, flow  # noqa: E402 - after the version check, whose message is the clearer one
from govflow.prefect.tasks import GovernedTask, task  # noqa: E402

__all__ = ["GovernedFlow", "GovernedTask", "flow", "task"]
