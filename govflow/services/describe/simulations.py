"""What a policy would have said of recorded decisions: for people, for pull requests, for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from govflow.services.describe.escape import code, plain, prose, table
from govflow.services.simulate_policy import CHANGED, Change

if TYPE_CHECKING:
    from govflow.policy.recorded import Recorded
    from govflow.services.simulate_policy import Example, Group, Simulation

_TOP = 10  # flows and rules that are named of each change
_REASON = 240  # characters


def simulation_text(found: Simulation, policy: str, *, same: bool) -> str:
    """A table of changes, then each change by rule and flow with examples.

    Args:
        found: what was found.
        policy: what the policy is called.
        same: it was held against its own decisions.
    """
    lines = [_head(found, policy, same=same)]
    rows = [["", "decisions", "runs", "flows"], *_rows(found, same=same)]
    lines += table(rows)
    if found.other_rule and not same:
        lines.append(f"  {found.other_rule:,} of those unchanged are decided by another rule")
    for change, group in _told(found):
        lines += ["", f"{change}:", *_group(group, change)]
    lines += _more(found, same=same)
    return "\n".join(lines)


def _head(found: Simulation, policy: str, *, same: bool) -> str:
    what = "replayed" if same else "held"
    when = f" of {found.first[:10]} to {found.last[:10]}" if found.first else ""
    return f"policy {plain(policy)} {what} against {found.records:,} recorded decisions{when}"


def _rows(found: Simulation, *, same: bool) -> Iterator[list[str]]:
    for change in Change:
        if (change is Change.OTHERWISE) is not same and change in CHANGED:
            continue
        group = found.groups[change]
        people = ["", ""] if change is Change.SAME else [f"{len(group.runs):,}", f"{len(group.flows):,}"]
        yield [str(change), f"{group.count:,}", *people]


def _told(found: Simulation) -> Iterator[tuple[Change, Group]]:
    for change in (*CHANGED, Change.UNJUDGED):
        if found.groups[change].count:
            yield change, found.groups[change]


def _group(group: Group, change: Change) -> Iterator[str]:
    by = "not known" if change is Change.UNJUDGED else "rule"
    for what, counter in ((by, group.rules), ("flow", group.flows)):
        rows = [[what, plain(name, 100), f"{count:,}"] for name, count in counter.most_common(_TOP)]
        yield from table(rows)
        if len(counter) > _TOP:
            yield f"  … and {len(counter) - _TOP} more"
    for example in group.examples:
        yield f"  {_where(example.record)}"
        yield f"      {_asked(example.record)}"
        yield f"      {_said(example)}"


def _where(record: Recorded) -> str:
    said = (record.at[:19], record.step_id, f"run {record.run_id}" if record.run_id else "")
    return plain("  ".join(one for one in said if one) or "a decision")


def _asked(record: Recorded) -> str:
    first, *others = record.requests
    more = f" and {len(others)} more" if others else ""
    return plain(f"{first.action} {first.provider} {first.resource}{more}", _REASON)


def _said(example: Example) -> str:
    record, answer = example.record, example.answer
    before = f"was {record.effect} by {record.rule or 'a rule'}"
    if answer.effect is None:
        may_be = " or ".join(sorted(map(str, answer.may_be)))
        return plain(f"{before}; now {may_be}: {', '.join(sorted(answer.hinges))} is not known", _REASON)
    return plain(f"{before}; now {answer.effect} by {answer.rule or 'one of several rules'}: {answer.reason}", _REASON)


def _more(found: Simulation, *, same: bool) -> Iterator[str]:
    if same and found.skipped:
        count = sum(found.skipped.values())
        yield ""
        yield f"{count:,} decisions of {len(found.skipped)} other policies were left out: replay each by its own file"
    if found.noted:
        yield ""
        yield "rules that matched and did not decide, as they were recorded:"
        yield from table([[plain(name), f"{times:,}"] for name, times in found.noted.most_common(_TOP)])


def simulation_markdown(found: Simulation, policy: str, *, same: bool) -> str:
    """The same for a pull request."""
    lines = [f"### {prose(_head(found, policy, same=same))}", "", "| | decisions | runs | flows |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(found, same=same)]
    for change, group in _told(found):
        lines += ["", f"**{change}**", ""]
        for counter in (group.rules, group.flows):
            named = ", ".join(f"{code(name, limit=100)} ({count:,})" for name, count in counter.most_common(_TOP))
            lines.append(f"- {named}")
        for one in group.examples:
            lines.append(f"- {code(one.record.step_id or 'a step', limit=100)}: {prose(_said(one))}")
    return "\n".join(lines)


def simulation_json(found: Simulation, policy: str, *, same: bool) -> dict[str, Any]:
    """JSON values, all flows and rules among them."""
    return {
        "version": 1,
        "policy": policy,
        "policy_digest": found.digest,
        "records": found.records,
        "first": found.first or None,
        "last": found.last or None,
        "changed": found.changed,
        "unchanged_by_another_rule": found.other_rule,
        "other_policies": dict(found.skipped),
        "noted": dict(found.noted),
        "changes": {
            str(change).replace(" ", "_"): _group_json(found.groups[change])
            for change in Change
            if change not in CHANGED or (change is Change.OTHERWISE) is same
        },
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "decisions": group.count,
        "runs": len(group.runs),
        "flows": _sorted(group.flows),
        "rules": _sorted(group.rules),
        "examples": [
            {
                "record": one.record.to_dict(),
                "effect": None if one.answer.effect is None else str(one.answer.effect),
                "may_be": sorted(map(str, one.answer.may_be)),
                "rule": one.answer.rule,
                "reason": one.answer.reason,
                "not_known": sorted(one.answer.hinges),
            }
            for one in group.examples
        ],
    }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common())
