"""The closed set of events, and how loud each is.

The nine ``ir.*`` events are what other systems subscribe to. The others are ours: they say what the nine do not.
An event that is not here is refused, so that a reader of the log never meets a word that is not documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from govflow.audit.record import Severity
from govflow.errors import VocabularyError

IR_EVENTS: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "ir.approval_created": Severity.INFO,  # a request was opened
        "ir.approval_consumed": Severity.INFO,  # the run claimed an approved request
        "ir.approval_expired": Severity.WARNING,  # nobody decided, or nobody claimed, in time
        "ir.approval_invalid": Severity.WARNING,  # a token was presented that does not count
        "ir.validated_pass": Severity.INFO,
        "ir.validated_escalate": Severity.WARNING,
        "ir.validated_reject": Severity.ERROR,
        "ir.dag_diff_ok": Severity.INFO,
        "ir.dag_diff_failed": Severity.CRITICAL,
    }
)
"""The published events with their criticality."""

EVENTS: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        **IR_EVENTS,
        "approval.vote": Severity.INFO,  # one person's answer that counts
        "approval.vote_refused": Severity.WARNING,  # one person's answer that does not
        "approval.vote_withdrawn": Severity.WARNING,  # a yes of somebody who was deactivated before it decided
        "approval.standing_refused": Severity.WARNING,  # somebody who approved it was deactivated since
        "approval.granted": Severity.INFO,  # enough people said yes
        "approval.denied": Severity.WARNING,
        "approval.limited": Severity.WARNING,  # so many answers were wrong that none is taken for a while
        "approval.revoked": Severity.WARNING,
        "approval.voided": Severity.WARNING,  # the IR, the policy or the parameters changed
        "approval.retried": Severity.INFO,  # an automatic retry under the same exercise
        "approval.outcome": Severity.INFO,  # how the exercised step ended
        "approval.delegated": Severity.WARNING,  # one person lets another answer in their stead
        "approval.delegation_revoked": Severity.INFO,
        "approval.break_glass": Severity.CRITICAL,  # one person let it run alone, in an emergency
        "approval.reminded": Severity.INFO,  # nobody had decided for so long; who is told of it
        "approval.escalated": Severity.WARNING,  # further people may answer from then on
        "notification.sent": Severity.INFO,  # never with its text or address
        "notification.failed": Severity.WARNING,
        "approval.reviewed": Severity.WARNING,  # what another person found about that
        "token.minted": Severity.INFO,  # never with the token
        "principal.created": Severity.INFO,  # who may sign in
        "principal.changed": Severity.WARNING,  # roles, groups or the sign-in of a person or machine
        "principal.deactivated": Severity.WARNING,  # with its sessions, keys and links
        "principal.reactivated": Severity.WARNING,
        "sign_in.invited": Severity.INFO,  # a link was made; never with the link
        "sign_in.succeeded": Severity.INFO,
        "sign_in.refused": Severity.WARNING,
        "session.ended": Severity.INFO,
        "api_key.created": Severity.WARNING,  # never with the key
        "api_key.revoked": Severity.WARNING,
        "plan.approved": Severity.INFO,
        "plan.trusted": Severity.WARNING,  # development took the first plan it saw
        "permit.issued": Severity.INFO,  # never with the permit's text
        "permit.renewed": Severity.INFO,
        "permit.refused": Severity.ERROR,  # the signer was asked for something that the store does not bear out
        "permit.revoked": Severity.WARNING,
        "key.created": Severity.WARNING,  # a key that signs permits; its public half
        "key.retired": Severity.WARNING,
        "deployment.verified": Severity.INFO,  # a flow was verified before it was deployed
        "deployment.registered": Severity.INFO,  # as it was made; an edit through the engine's API shows against it
        "deployment.refused": Severity.WARNING,  # it was not the approved plan, or policy denies it
        "run.guarded": Severity.INFO,  # a worker pulled the approved plan; its code may be loaded
        "run.opened": Severity.INFO,
        "run.refused": Severity.ERROR,
        "run.closed": Severity.INFO,
        "run.reconciled": Severity.INFO,  # the engine says something else of a run than this log
        "step.decided": Severity.INFO,  # a policy decision, with the attributes that a replay needs
        "step.intent": Severity.INFO,  # before the body
        "step.outcome": Severity.INFO,  # after the body
        "step.cached": Severity.INFO,  # the engine handed out a result that it kept; the body did not run
        "step.refused": Severity.ERROR,  # the body did not run
        "step.uncertain": Severity.CRITICAL,  # an intent without an outcome was found
        "policy.loaded": Severity.INFO,  # the first policy that a tenant's runs are decided by
        "policy.changed": Severity.WARNING,  # another one than before, with what changed
        "settings.changed": Severity.WARNING,
        "value.erased": Severity.WARNING,  # which records lost which values, by whom and why; never with a value
        "hold.placed": Severity.WARNING,  # values may not be erased until it is released
        "hold.released": Severity.WARNING,
        "log.exported": Severity.INFO,
        "receipt.issued": Severity.INFO,  # the receipt of a run was made for somebody
        "log.pruned": Severity.WARNING,  # which records went, by whom and why, and what is left of them
        "spool.damaged": Severity.CRITICAL,  # lines of a writer's spool could not be read
    }
)
"""Every event there is, with the severity that a record of it has at least."""

_LOUDNESS: Final = {severity: rank for rank, severity in enumerate(Severity)}


def severity_of(event: str, asked: Severity) -> Severity:
    """The louder of what the event demands and what the caller asked for.

    Raises:
        VocabularyError: the event is not registered.
    """
    floor = EVENTS.get(event)
    if floor is None:
        raise VocabularyError(
            f"There is no audit event {event!r}.",
            mend="The events are listed in docs/audit.md.",
            details={"event": event},
        )
    if floor is asked or _LOUDNESS[floor] >= _LOUDNESS[asked]:
        return floor
    return asked
