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
        "approval.granted": Severity.INFO,  # enough people said yes
        "approval.denied": Severity.WARNING,
        "approval.revoked": Severity.WARNING,
        "approval.voided": Severity.WARNING,  # the IR, the policy or the parameters changed
        "approval.retried": Severity.INFO,  # an automatic retry under the same exercise
        "approval.outcome": Severity.INFO,  # how the exercised step ended
        "token.minted": Severity.INFO,  # never with the token
        "plan.approved": Severity.INFO,
        "plan.trusted": Severity.WARNING,  # development took the first plan it saw
        "run.opened": Severity.INFO,
        "run.refused": Severity.ERROR,
        "run.closed": Severity.INFO,
        "step.decided": Severity.INFO,  # a policy decision, with the attributes that a replay needs
        "step.intent": Severity.INFO,  # before the body
        "step.outcome": Severity.INFO,  # after the body
        "step.refused": Severity.ERROR,  # the body did not run
        "step.uncertain": Severity.CRITICAL,  # an intent without an outcome was found
        "policy.loaded": Severity.INFO,
        "settings.changed": Severity.WARNING,
        "value.erased": Severity.WARNING,
        "log.exported": Severity.INFO,
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
