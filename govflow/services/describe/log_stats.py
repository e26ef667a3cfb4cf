"""What a log consists of, as text with bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govflow.services.describe.escape import plain, table
from govflow.store.audit_stats import LogStats

_BAR: Final = 40  # characters of the longest
_DAYS: Final = 31
_RULES: Final = 15


def describe_log_stats(stats: LogStats) -> str:
    """Counts by event, rule and day; of many rules the most frequent, of many days the last."""
    if stats.first is None or stats.last is None:
        return "no records"
    span = f"{stats.first:%Y-%m-%d %H:%M:%S} to {stats.last:%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"{stats.records:,} records, {span}; {stats.checkpoints:,} checkpoint{'' if stats.checkpoints == 1 else 's'}"
    ]
    lines += _block("events", stats.events, len(stats.events))
    lines += _block("rules", stats.rules, _RULES)
    days = {f"{day:%Y-%m-%d}": count for day, count in stats.days.items()}
    shown = dict(list(days.items())[-_DAYS:])
    lines += _block("days", shown, _DAYS, more=len(days) - len(shown))
    return "\n".join(lines)


def _block(heading: str, counts: Mapping[str, int], most: int, more: int | None = None) -> list[str]:
    if not counts:
        return []
    shown = list(counts.items())[:most]
    longest = max(count for _, count in shown)
    rows = [[plain(name), f"{count:>11,}", "█" * max(1, round(count / longest * _BAR))] for name, count in shown]
    left = len(counts) - len(shown) if more is None else more
    return ["", heading, *table(rows), *([f"  … and {left} more"] if left else [])]
