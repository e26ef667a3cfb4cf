"""Every error that govflow raises.

    GovflowError
    ├── InputError                what the user gave cannot be used: mend it, nothing was written (exit 2)
    │   ├── SettingsError
    │   ├── PolicyError
    │   │   └── PolicyUnsigned
    │   ├── VocabularyError
    │   ├── LockError
    │   ├── SourceError
    │   ├── FlowNotFound
    │   ├── CanonicalError
    │   ├── KeyFileError
    │   ├── RequestError
    │   ├── NoReceipt
    │   └── PrincipalError
    ├── Refused                   the answer is no: the body does not run (exit 1)
    │   ├── Denied
    │   ├── PlanDrift
    │   ├── PlanNotApproved
    │   ├── Unplanned
    │   ├── Rewired
    │   ├── Unbound
    │   ├── StepMissing
    │   ├── ApprovalDenied
    │   ├── ApprovalExpired
    │   ├── ApprovalRevoked
    │   ├── VoteRefused
    │   │   ├── SelfApproval
    │   │   ├── NotEligible
    │   │   │   └── NotAsked
    │   │   ├── AlreadyVoted
    │   │   ├── RequestClosed
    │   │   ├── PolicyMismatch
    │   │   ├── TokenInvalid
    │   │   └── TooManyAttempts
    │   ├── SignInRefused
    │   ├── PrincipalInactive
    │   ├── PermitError
    │   │   ├── PermitMissing
    │   │   ├── PermitInvalid
    │   │   ├── PermitExpired
    │   │   ├── PermitRevoked
    │   │   ├── PermitRefused
    │   │   └── SignerAbsent
    │   └── Uncertain
    ├── StoreError                the database cannot be used: every governed run is refused (exit 2)
    │   └── SchemaNewer
    ├── EngineError               the installed engine is not one that govflow knows (exit 2)
    ├── NotSent                   a message to people was not taken; it is sent again
    └── DeployFailed              the engine's own deploying went wrong (exit 2)

``code`` is stable: audit records store it, docs have a page for it. ``mend`` says what to do next.
Waiting for a person is not an error and raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class GovflowError(Exception):
    """Something went wrong in govflow itself."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, mend: str = "", details: Mapping[str, object] | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.mend = mend
        self.details: dict[str, object] = dict(details or {})
        super().__init__(self.message)

    def __str__(self) -> str:
        return told(self.message, self.code, self.mend)

    def __reduce__(self) -> tuple[object, ...]:
        # Task errors cross process boundaries; keyword-only arguments do not survive the default reduce.
        return (_rebuild, (type(self), self.message, self.mend, self.details))


def told(message: str, code: str, mend: str = "") -> str:
    """What is said of a stop, everywhere: what happened, its stable code, and what to do next."""
    return f"{message} [{code}]" + (f" {mend}" if mend else "")


def _rebuild(kind: type[GovflowError], message: str, mend: str, details: dict[str, object]) -> GovflowError:
    return kind(message, mend=mend, details=details)


class InputError(GovflowError):
    """The input cannot be used; nothing was written."""

    code = "input"


class SettingsError(InputError):
    """A setting is unknown or has a value that cannot be used."""

    code = "settings"


class PolicyError(InputError):
    """The policy file cannot be used."""

    code = "policy-file"


class PolicyUnsigned(PolicyError):
    """The policy is not signed by a key that counts here."""

    code = "policy-unsigned"


class VocabularyError(InputError):
    """An action or provider is not registered."""

    code = "vocabulary"


class LockError(InputError):
    """The lock file cannot be used."""

    code = "lock-file"


class SourceError(InputError):
    """The source cannot be read."""

    code = "source"


class FlowNotFound(InputError):
    """There is no such flow."""

    code = "flow-not-found"


class CanonicalError(InputError):
    """A value that a hash, a rule or an approval reads has no canonical form."""

    code = "not-canonical"


class KeyFileError(InputError):
    """A key file cannot be used, or must not be."""

    code = "key-file"


class RequestError(InputError):
    """There is no such approval request, or it was asked for with values that cannot be used."""

    code = "request"


class NoReceipt(InputError):
    """There is no receipt of this run now."""

    code = "no-receipt"


class UnusableText(InputError):
    """A text that was given cannot be kept."""

    code = "unusable-text"


class PrincipalError(InputError):
    """There is no such principal, or none can be made like that."""

    code = "principal"


class Refused(GovflowError):
    """The answer is no: the body does not run."""

    code = "refused"


class Denied(Refused):
    """A policy rule denies this."""

    code = "denied"


class PlanDrift(Refused):
    """The loaded code is not the approved plan."""

    code = "plan-drift"


class PlanNotApproved(Refused):
    """No approved plan is recorded for this flow."""

    code = "plan-not-approved"


class Unplanned(Refused):
    """This call is not in the approved plan."""

    code = "unplanned"


class Rewired(Refused):
    """A call is given the result of a step from which the approved plan has no edge to it."""

    code = "rewired"


class Unbound(Refused):
    """The code in memory is not the source that was read."""

    code = "unbound"


class StepMissing(Refused):
    """A mandatory step of the plan did not run."""

    code = "step-missing"


class LegalHold(Refused):
    """Values that are under a legal hold are not erased."""

    code = "legal-hold"


class ApprovalDenied(Refused):
    """An approver said no."""

    code = "approval-denied"


class ApprovalExpired(Refused):
    """Nobody approved in time."""

    code = "approval-expired"


class ApprovalRevoked(Refused):
    """The request was withdrawn before it was used."""

    code = "approval-revoked"


class VoteRefused(Refused):
    """This vote does not count."""

    code = "vote-refused"


class SelfApproval(VoteRefused):
    """The requester of a run cannot approve it."""

    code = "self-approval"


class NotEligible(VoteRefused):
    """The approval rule does not name this person."""

    code = "not-eligible"


class NotAsked(NotEligible):
    """The approval rule names this person, and does not ask for this yes now."""

    code = "not-asked"


class AlreadyVoted(VoteRefused):
    """This person has voted on this request."""

    code = "already-voted"


class RequestClosed(VoteRefused):
    """The request is no longer open."""

    code = "request-closed"


class PolicyMismatch(VoteRefused):
    """The policy here, which says who has which role, is not the one that the run was judged by."""

    code = "policy-mismatch"


class TokenInvalid(VoteRefused):
    """The token is unknown, expired, used, or for something else."""

    code = "token-invalid"


class SignInRefused(Refused):
    """Nobody is signed in: what was presented is unknown, used, over, or for something else."""

    code = "sign-in-refused"


class PrincipalInactive(Refused):
    """This principal was deactivated."""

    code = "principal-inactive"


class TooManyAttempts(VoteRefused):
    """Too many answers were wrong; for a while none is taken."""

    code = "too-many-attempts"


class PermitError(Refused):
    """There is no permit that lets this run go on here."""

    code = "permit"


class PermitMissing(PermitError):
    """No permit was issued for this run."""

    code = "permit-missing"


class PermitInvalid(PermitError):
    """A permit is not signed by a known key, or is for something else."""

    code = "permit-invalid"


class PermitExpired(PermitError):
    """The permit of this run is over."""

    code = "permit-expired"


class PermitRevoked(PermitError):
    """The permits of this run were revoked."""

    code = "permit-revoked"


class PermitRefused(PermitError):
    """The signer does not sign this permit."""

    code = "permit-refused"


class SignerAbsent(PermitError):
    """Nothing signed the permit in time."""

    code = "signer-absent"


class Uncertain(Refused):
    """An earlier attempt started this step and its outcome is not known."""

    code = "uncertain"


class StoreError(GovflowError):
    """The governance database cannot be used."""

    code = "store"


class RequestUnreadable(GovflowError):
    """An approval request in the database cannot be read."""

    code = "request-unreadable"


class SchemaNewer(StoreError):
    """The database was written by a newer govflow."""

    code = "schema-newer"


class EngineError(GovflowError):
    """The installed engine is not a supported version."""

    code = "engine"


class NotSent(GovflowError):
    """A message to people was not delivered."""

    code = "not-sent"


class DeployFailed(GovflowError):
    """The engine could not deploy."""

    code = "deploy-failed"
