"""What govflow's decorators take, beside Prefect's own options and with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypedDict

from prefect.tasks import TaskOptions

if TYPE_CHECKING:
    from prefect.flows import FlowStateHook
    from prefect.futures import PrefectFuture
    from prefect.results import ResultSerializer, ResultStorage
    from prefect.task_runners import TaskRunner


@dataclass(frozen=True, slots=True)
class Governance:
    """The declared side of a step. The planner reads the same words from source; these are kept for copies and repr.

    Attributes:
        action: what the step does, such as ``data:delete``.
        provider: with what, such as ``duckdb``.
        resource: to what; ``{parameter}`` is filled in with the bound value.
        tier: 0 to 3; raises the tier that the rules give, never lowers it.
        approval: name of the approval rule to use.
        records: how many records the step touches: a number or ``{parameter}``.
    """

    action: str | None = None
    provider: str | None = None
    resource: str | None = None
    tier: int | None = None
    approval: str | None = None
    records: int | str | None = None

    def split(self, given: Mapping[str, object]) -> tuple[Governance, dict[str, Any]]:
        """These declarations with those of ``given`` over them, and the options that are Prefect's."""
        own: dict[str, Any] = {field.name: given[field.name] for field in fields(self) if field.name in given}
        return replace(self, **own), {name: value for name, value in given.items() if name not in own}


class TaskCopyOptions(TaskOptions, total=False):
    """What :meth:`govflow.prefect.GovernedTask.with_options` takes."""

    action: str | None
    provider: str | None
    resource: str | None
    tier: int | None
    approval: str | None
    records: int | str | None


class FlowOptions(TypedDict, total=False):
    """Prefect's own options of a flow; Prefect names a type for those of a task only."""

    name: str | None
    version: str | None
    flow_run_name: Callable[[], str] | str | None
    retries: int | None
    retry_delay_seconds: int | float | None
    task_runner: TaskRunner[PrefectFuture[Any]] | None
    description: str | None
    timeout_seconds: int | float | None
    validate_parameters: bool
    persist_result: bool | None
    result_storage: ResultStorage | None
    result_serializer: ResultSerializer | None
    cache_result_in_memory: bool
    log_prints: bool | None
    on_completion: list[FlowStateHook[..., Any]] | None
    on_failure: list[FlowStateHook[..., Any]] | None
    on_cancellation: list[FlowStateHook[..., Any]] | None
    on_crashed: list[FlowStateHook[..., Any]] | None
    on_running: list[FlowStateHook[..., Any]] | None


class FlowCopyOptions(FlowOptions, total=False):
    """What :meth:`govflow.prefect.GovernedFlow.with_options` takes."""

    action: str | None
    provider: str | None
    resource: str | None
    tier: int | None
    approval: str | None
