"""How a refused async generator flow ends: in a state of its own name, like any other.

Any other body gives Prefect a finished state instead of an exception (:mod:`govflow.prefect.endings`). An async
generator cannot return anything, and the state that Prefect makes of an exception is called Failed, whatever was
raised. So the place where the engine makes that state is asked first.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Final

from prefect.flow_engine import AsyncFlowRunEngine

from govflow.errors import EngineError, Refused
from govflow.prefect.endings import ending
from govflow.prefect.flow_bodies import AsyncGeneratorFlowBody

NAME: Final = "handle_exception"
_MARK: Final = "_govflow_names_refusals"


def name_refusals() -> None:
    """From now on refused async generator flows end in states of their own names. Calling it again changes nothing.

    Raises:
        EngineError: Prefect's engine is not the one that this was written for.
    """
    original = vars(AsyncFlowRunEngine).get(NAME)
    if getattr(original, _MARK, False):
        return
    if original is None or list(inspect.signature(original).parameters) != ["self", "exc", "msg", "result_store"]:
        raise EngineError(
            f"Prefect's {AsyncFlowRunEngine.__name__} has no {NAME}(exc, msg, result_store): a refused run would end as"
            " Failed.",
            mend="Install a version of Prefect that this version of govflow supports: govflow doctor names them.",
        )

    async def handle_exception(self: Any, exc: Exception, msg: str | None = None, result_store: Any = None) -> Any:
        if isinstance(exc, Refused) and isinstance(self.flow.fn, AsyncGeneratorFlowBody):
            await self.set_state(await asyncio.to_thread(ending, exc, self.flow_run))
            if self.state.is_final():
                self._raised = exc
                self._telemetry.record_exception(exc)
                self._telemetry.end_span_on_failure(self.state.message)
                if not self.state.is_failed():
                    raise exc  # of a cancelled run the engine would tell whoever reads the values that they are all
                return self.state
        return await original(self, exc, msg=msg, result_store=result_store)

    handle_exception.__doc__ = original.__doc__
    setattr(handle_exception, _MARK, True)
    setattr(AsyncFlowRunEngine, NAME, handle_exception)
