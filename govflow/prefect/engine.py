"""Which Prefect versions this adapter knows."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from govflow.errors import EngineError

SUPPORTED: Final = ((3, 8, 8), (3, 10, 0))
"""From the first to before the second. Interception was read and tested against these."""


def require_supported() -> None:
    """Refuse to guard an engine that is not there or that this adapter was not written for.

    Raises:
        EngineError: Prefect is missing, or outside :data:`SUPPORTED`.
    """
    low, high = (".".join(map(str, bound)) for bound in SUPPORTED)
    mend = f"Install a supported pair: pip install 'govflow[prefect]' (prefect>={low},<{high})."
    try:
        found = version("prefect")
    except PackageNotFoundError:
        raise EngineError("Prefect is not installed.", mend=mend) from None
    if not SUPPORTED[0] <= _numbers(found) < SUPPORTED[1]:
        raise EngineError(f"Prefect {found} is not a version that govflow can guard.", mend=mend)


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split(".")[:3]:
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)
