"""The Prefect adapter: ``from govflow.prefect import flow, task`` instead of ``from prefect import flow, task``.

Everything that knows Prefect is in this room. It translates and calls; what may run is decided in
:mod:`govflow.governor`.
"""

from govflow.prefect.engine import require_supported

require_supported()

from govflow.prefect.bare_bodies import guard_bare_bodies  # noqa: E402 - after the version check
from govflow.prefect.cache_hits import watch_cache_hits  # noqa: E402 - after the version check
from govflow.prefect.flow_clock import stop_for_people  # noqa: E402
from govflow.prefect.flows import GovernedFlow, flow  # noqa: E402 - after the version check, whose message is the clearer one
from govflow.prefect.generator_endings import name_refusals  # noqa: E402
from govflow.prefect.instrumentation import instrument, uninstrument  # noqa: E402
from govflow.prefect.notification_blocks import send_by_server_block  # noqa: E402
from govflow.prefect.policy_blocks import read_from_server  # noqa: E402
from govflow.prefect.tasks import GovernedTask, task  # noqa: E402
from govflow.services.notification_blocks import blocks_are_sent_by  # noqa: E402
from govflow.services.policy_blocks import blocks_are_read_by  # noqa: E402

watch_cache_hits()
stop_for_people()
name_refusals()
guard_bare_bodies()
blocks_are_read_by(read_from_server)
blocks_are_sent_by(send_by_server_block)

__all__ = ["GovernedFlow", "GovernedTask", "flow", "instrument", "task", "uninstrument"]
