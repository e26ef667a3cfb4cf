"""Is the code of a deployment the plan that was approved, and what does policy say of it?

Asked when a flow is deployed and again by the worker that pulled its code. The source is read, never imported. What
"no" means is the caller's: enforce stops, observe says so and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from govflow.audit.record import Draft, Severity
from govflow.errors import Denied, PlanDrift, PlanNotApproved, Refused, SettingsError
from govflow.governor.assess import Assessment, StepAssessment, assess, mandatory, reads_parameters
from govflow.governor.explain import refusal
from govflow.governor.port import ApprovedPlan
from govflow.ir.diff import diff
from govflow.ir.hashing import plan_hash
from govflow.ir.lock import plan_key
from govflow.ir.models import Plan, StepKind
from govflow.policy.model import Verdict
from govflow.services.entrypoints import Entrypoint
from govflow.services.locked_plan import locked_plan
from govflow.services.plan_flows import FlowPlan, Readers, check_words
from govflow.services.store_port import StorePort
from govflow.services.unread_configuration import unread_configuration
from govflow.services.workspace import Workspace
from govflow.telemetry import redact_named

Against = Literal["store", "lock"]
AT_IMPORT: Final = "effect-at-import"
SHORT: Final = 16  # hexadecimal digits of a plan hash that stand in versions and tags
TAG: Final = "govflow"


@dataclass(frozen=True, slots=True)
class Verification:
    """A plan beside the approved one, judged. ``refusals`` is empty when it may be deployed and run."""

    plan: Plan
    plan_hash: str
    approved: ApprovedPlan | None
    assessment: Assessment
    refusals: tuple[Refused, ...]
    environment: str
    mode: str

    @property
    def key(self) -> str:
        """What the flow is known by."""
        return plan_key(self.plan)

    @property
    def asking(self) -> tuple[StepAssessment, ...]:
        """The steps for which people have to be asked, the strictest first."""
        found = [one for one in self.assessment.steps.values() if one.verdict is Verdict.ESCALATE]
        return tuple(sorted(found, key=lambda one: -one.tier))

    @property
    def at_import(self) -> tuple[str, ...]:
        """What importing the code does to the world, in words."""
        return tuple(finding.message for finding in self.plan.findings if finding.code == AT_IMPORT)

    @property
    def version(self) -> str:
        """A version for the deployment: tells which plan was verified."""
        return version_of(self.plan_hash)

    @property
    def tags(self) -> list[str]:
        """Tags for the deployment."""
        return [TAG, f"{TAG}:{self.version}", f"{TAG}:tier-{int(self.assessment.tier)}"]

    def outputs(self) -> dict[str, Any]:
        """What a deployment's fields can be filled in from."""
        return {
            "plan_hash": self.plan_hash,
            "version": self.version,
            "tags": self.tags,
            "tier": int(self.assessment.tier),
            "verdict": str(self.assessment.verdict),
            "approved_by": self.approved.principal if self.approved else "",
            "environment": self.environment,
            "mode": self.mode,
        }


def version_of(hashed: str) -> str:
    """``plan-`` and the first digits of a plan hash."""
    return f"plan-{hashed.partition(':')[2][:SHORT]}"


def verify_entrypoint(
    workspace: Workspace, entrypoint: Entrypoint, *, against: Against = "store", first: bool = False
) -> Verification:
    """Read the flow of an entrypoint and compare it. See :func:`verify_plan`.

    Raises:
        SettingsError: the flow's repository states settings that this process did not read.
        SourceError: the source cannot be read.
        FlowNotFound: the file has no such flow.
        VocabularyError: it uses a word that nobody registered.
    """
    if unread := unread_configuration(workspace.settings, entrypoint.file):
        raise SettingsError(unread)
    flow = read_entrypoint(workspace, entrypoint)
    return verify_plan(workspace, flow.plan, against=against, first=first)


def read_entrypoint(workspace: Workspace, entrypoint: Entrypoint) -> FlowPlan:
    """The plan that an entrypoint's source says."""
    base = entrypoint.file.parent
    flow = Readers(workspace.catalogue).flows(entrypoint.file, base, entrypoint.function)[0]
    check_words(flow, workspace.vocabulary)
    return flow


def verify_plan(workspace: Workspace, plan: Plan, *, against: Against = "store", first: bool = False) -> Verification:
    """Compare a plan with the approved one, and ask policy about its steps.

    The left side is what a named person approved, as the store recorded it. Where the store knows none the lock file
    stands in for it, as far as it may: in observe mode, outside production, or when ``against`` says so.

    Args:
        workspace: settings, policy and store.
        plan: of the code that is there.
        against: ``lock`` trusts the lock file alone: for CI that cannot reach the governance database.
        first: outside production, let a plan pass that is neither approved nor locked: a run will trust it.

    Raises:
        StoreError: enforce mode, and the store cannot be asked.
    """
    hashed = plan_hash(plan)
    approved = _left_side(workspace, plan, against)
    refusals = [*_compared(workspace, plan, hashed, approved, first)]
    assessment = assess(plan, workspace.ground, workspace.requester(), datetime.now(UTC))
    refusals += _denied(workspace, assessment)
    settings = workspace.settings
    return Verification(
        plan, hashed, approved, assessment, tuple(refusals), settings.environment, settings.effective_mode
    )


def _left_side(workspace: Workspace, plan: Plan, against: Against) -> ApprovedPlan | None:
    settings, key = workspace.settings, plan_key(plan)
    if against == "lock":
        return locked_plan(settings, key)
    approved = StorePort(workspace).approved_plan(settings.tenant, key)
    production = _production(workspace)
    if approved is not None and not (approved.trusted and production):
        return approved
    return None if production and workspace.mode == "enforce" else locked_plan(settings, key)


def _production(workspace: Workspace) -> bool:
    return workspace.ground.tiers.is_production(workspace.settings.environment)


def _compared(
    workspace: Workspace, plan: Plan, hashed: str, approved: ApprovedPlan | None, first: bool
) -> list[Refused]:
    if approved is None:
        if first and not _production(workspace):
            return []
        return [
            PlanNotApproved(
                f"Nobody has approved a plan of flow {plan.flow!r} ({plan.file}:{plan.function}).",
                mend="Have a second person run: govflow lock FILE --approve --as NAME",
            )
        ]
    if approved.plan_hash == hashed:
        return []
    found = diff(approved.plan, plan, approved_hash=approved.plan_hash, loaded_hash=hashed).masked(redact_named)
    return [
        PlanDrift(
            f"Flow {plan.flow!r} is not the plan {_stood_for(approved)}:\n" + "\n".join(found.lines()),
            mend="Put the approved code back, or have the change approved: govflow lock FILE --approve --as NAME",
            details={"diff": found.to_dict(), "approved": approved.plan_hash, "loaded": hashed},
        )
    ]


def _stood_for(approved: ApprovedPlan) -> str:
    if approved.principal.startswith("lock file "):
        return f"of {approved.principal}"
    if approved.trusted:
        return f"that was trusted when it was first seen, in a run of {approved.principal}"
    return f"that {approved.principal} approved"


def _denied(workspace: Workspace, assessment: Assessment) -> list[Denied]:
    """Steps that are certain to be denied: neither the parameters of a run nor its time can change it."""
    return [
        refusal(one, workspace.ground)
        for one in assessment.steps.values()
        if one.verdict is Verdict.REJECT
        and (one.step.kind in (StepKind.BODY, StepKind.UNRESOLVED) or mandatory(one.step))
        and reads_parameters(one.step, workspace.ground) == frozenset()
        and not one.fleeting
    ]


def pinned(verification: Verification, hashed: str | None) -> PlanDrift | None:
    """Why the code is not what its deployment was verified for; None when it is, or no hash was recorded.

    Args:
        verification: of the code that is there.
        hashed: the plan hash that the deployment carries.
    """
    if hashed is None or hashed == verification.plan_hash:
        return None
    return PlanDrift(
        f"The deployment was verified for {version_of(hashed)}, and the code that was pulled has "
        f"{verification.version}.",
        mend="Deploy again: `govflow deploy` verifies the code that is there now.",
        details={"deployed": hashed, "loaded": verification.plan_hash},
    )


def together(refusals: tuple[Refused, ...]) -> Refused:
    """All refusals as one: the first, with what the others say."""
    first, *others = refusals
    if not others:
        return first
    more = "\n".join(f"Also: {one.message}" for one in others)
    return type(first)(f"{first.message}\n{more}", mend=first.mend, details=first.details)


def record_verification(workspace: Workspace, verification: Verification, subject: str, what: str) -> None:
    """Write down that a plan was verified for deploying, or why it was not.

    Args:
        workspace: whose log.
        verification: what was found.
        subject: name of the principal who deploys.
        what: the entrypoint or deployment, in words.
    """
    refused = verification.refusals
    draft = Draft(
        "deployment.refused" if refused else "deployment.verified",
        workspace.settings.tenant,
        datetime.now(UTC),
        subject=subject,
        flow=verification.plan.flow,
        severity=Severity.WARNING if refused else Severity.INFO,
        payload={
            "plan_hash": verification.plan_hash,
            "key": verification.key,
            "entrypoint": what,
            "approved_by": verification.approved.principal if verification.approved else None,
            "environment": verification.environment,
            "mode": verification.mode,
            "tier": int(verification.assessment.tier),
            "verdict": str(verification.assessment.verdict),
            "code": refused[0].code if refused else None,
            "stopped": bool(refused) and workspace.mode == "enforce",
        },
    )
    port = StorePort(workspace)
    port.append(draft, durable=True)
    port.flush()


def marks(version: str | None, tags: tuple[str, ...], labels: Mapping[str, Any]) -> frozenset[str]:
    """The ``plan-…`` versions that a deployment carries: in its version, its tags, its labels."""
    said = {version or "", *(tag.removeprefix(f"{TAG}:") for tag in tags), str(labels.get("govflow.plan", ""))}
    return frozenset(one for one in said if one.startswith("plan-") and len(one) == len("plan-") + SHORT)
