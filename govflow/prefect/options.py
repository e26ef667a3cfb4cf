"""What govflow's decorators take beside Prefect's own options."""

from __future__ import annotations

from dataclasses import dataclass


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
