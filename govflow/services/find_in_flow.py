"""What a check finds in one flow: what policy says of its steps, what could not be read, secrets in the source."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from govflow.approval import rule_for_deeds, who_may
from govflow.errors import PolicyError
from govflow.governor.assess import Assessment, StepAssessment, assess, mandatory
from govflow.governor.explain import deeds_of
from govflow.ir.hashing import step_hash
from govflow.ir.models import CallSite, Finding, Step, StepKind
from govflow.policy.model import Verdict
from govflow.services.enough_approvers import lacking_in_file
from govflow.services.findings import RULE_OF_REMARK, CheckFinding
from govflow.services.literal_secrets import secrets_of_flow, secrets_of_step
from govflow.services.plan_flows import FlowPlan
from govflow.services.workspace import Workspace

_NUMBER: Final = re.compile(r"\d+")
_SHOWN: Final = 5  # names in one sentence


def find_in_flow(workspace: Workspace, flow: FlowPlan) -> Iterator[CheckFinding]:
    """Every finding of one plan, judged by the policy and tier rules of ``workspace``."""
    judged = assess(flow.plan, workspace.ground, workspace.requester(), workspace.opened_at)
    for step in flow.plan.steps:
        yield from _verdict(workspace, flow, step, judged.steps[step.step_id])
        yield from _unread(flow, step)
    yield from (_remark(flow, finding) for finding in flow.plan.findings)
    yield from _secrets(flow)
    yield from _approval_rules(workspace, flow, judged)


def file_of(flow: str) -> str:
    """The file of a flow's name."""
    return flow.rpartition(":")[0]


def beside(flow: str, file: str) -> str:
    """A path that a plan holds, relative to the flow's file, as flow names have it: relative to the lock's folder."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file_of(flow)), file))


def _verdict(workspace: Workspace, flow: FlowPlan, step: Step, judged: StepAssessment) -> Iterator[CheckFinding]:
    decision = judged.decision
    if judged.verdict is Verdict.REJECT:
        certain = mandatory(step) or step.kind in (StepKind.BODY, StepKind.UNRESOLVED)
        yield _at(
            flow,
            step,
            "GF201" if certain else "GF202",
            f"Rule {decision.rule!r} denies it in {workspace.settings.environment}: {decision.reason}",
            f"A policy whose rules allow {judged.action} on {judged.resource} would let it pass.",
            f"{decision.rule} {judged.action} {judged.provider} {judged.resource}",
        )
    elif judged.verdict is Verdict.ESCALATE:
        # What people would approve is the step as it is now: another one needs another answer.
        yield _at(flow, step, "GF203", _question(workspace, step, judged), "", f"{decision.rule} {step_hash(step)}")
    name = step.approval or decision.approval
    if name is not None and name not in workspace.approvals:
        where = workspace.document.where
        known = ", ".join(sorted(workspace.approvals)) or "none"
        message = f"The approval rule {name!r} is not in {where}; there are: {known}."
        yield _at(flow, step, "GF204", message, f"Add it under 'approvals' of {where}.", name)


def _question(workspace: Workspace, step: Step, judged: StepAssessment) -> str:
    name = step.approval or judged.decision.approval
    why = judged.findings[0].reason if judged.findings else "by policy"
    try:
        rule = workspace.approval_rule(name, judged.tier)
    except PolicyError:
        return f"It needs approval (tier {int(judged.tier)}: {why})."
    rule = rule_for_deeds(rule, deeds_of(judged))
    return f"It needs approval by {who_may(rule)} (rule {rule.name}; tier {int(judged.tier)}: {why})."


def _unread(flow: FlowPlan, step: Step) -> Iterator[CheckFinding]:
    if step.kind is StepKind.UNRESOLVED:
        reason = step.reason or "no reason was given"
        message = f"The call could not be read: {reason}"
        yield _at(flow, step, "GF301", message, "Call the task by its name.", without_numbers(reason))
    if step.unseen:
        shown = ", ".join(step.unseen[:_SHOWN]) + (", …" if len(step.unseen) > _SHOWN else "")
        message = f"It calls code whose effects are not known: {shown}."
        mend = (
            "Declare the step's action, provider and resource, or describe the call in a catalogue (setting effects)."
        )
        yield _at(flow, step, "GF308", message, mend, " ".join(sorted(step.unseen)))


def _remark(flow: FlowPlan, finding: Finding) -> CheckFinding:
    code = RULE_OF_REMARK.get(finding.code, "GF302")
    return CheckFinding(
        code,
        flow.name,
        finding.message if code != "GF302" else f"{finding.code}: {finding.message}",
        _MENDS.get(finding.code, ""),
        file=beside(flow.name, finding.file) if finding.file else file_of(flow.name),
        line=finding.line,
        key=f"{finding.code} {without_numbers(finding.message)}",
        site=_site_of(flow, finding),
    )


_MENDS: Final = {
    "effect-hidden": "Declare what the code does, or move the effect into a task that does.",
    "effect-at-import": "Move it into a task.",
    "effect-unbounded": "Add a WHERE, or have it approved as what it is.",
    "sql-not-parsed": "Declare the step's action, provider and resource.",
}


def _site_of(flow: FlowPlan, finding: Finding) -> CallSite | None:
    """The effect or the call that a remark speaks of, where there is exactly one on its line."""
    if finding.file is None or finding.line is None:
        return None
    sites = {
        site
        for step in flow.plan.steps
        for site in (*(effect.site for effect in step.effects), *step.sites[-1:])
        if site is not None and (site.file, site.line) == (finding.file, finding.line)
    }
    return sites.pop() if len(sites) == 1 else None


def _secrets(flow: FlowPlan) -> Iterator[CheckFinding]:
    """Names alone: what stands there is not repeated."""
    said = "seems to hold a secret that stands in the source; plan, lock file and database keep it as it is."
    mend = "Take it from a secret block or the environment when the step runs, and replace it where it was used."
    for name in secrets_of_flow(flow.plan):
        message = f"The default of parameter {name!r} {said}"
        yield CheckFinding("GF304", flow.name, message, mend, file=file_of(flow.name), key=f"default {name}")
    for step in flow.plan.steps:
        for name in secrets_of_step(step):
            yield _at(flow, step, "GF304", f"{name!r} {said}", mend, name)


def _approval_rules(workspace: Workspace, flow: FlowPlan, judged: Assessment) -> Iterator[CheckFinding]:
    """Rules that can never be met, of those that this flow would ask."""
    asked = {
        name: step
        for step in reversed(flow.plan.steps)
        if judged.steps[step.step_id].verdict is Verdict.ESCALATE
        and (name := step.approval or judged.steps[step.step_id].decision.approval)
    }
    for name in sorted(asked):
        rule = workspace.approvals.get(name)
        why = lacking_in_file(workspace, rule) if rule is not None else None
        if why is not None:
            mend = f"Name more people under approvals.{name}, unless others have the role: `govflow doctor` knows them."
            yield _at(flow, asked[name], "GF205", why, mend, name)


def _at(flow: FlowPlan, step: Step, code: str, message: str, mend: str, key: str) -> CheckFinding:
    site = step.sites[-1] if step.sites else None
    return CheckFinding(
        code,
        flow.name,
        message,
        mend,
        step.step_id,
        file=beside(flow.name, site.file) if site else file_of(flow.name),
        line=site.line if site else None,
        key=key,
        site=site,
    )


def without_numbers(text: str) -> str:
    """A message without what an edit elsewhere in the file moves."""
    return _NUMBER.sub("0", text)
