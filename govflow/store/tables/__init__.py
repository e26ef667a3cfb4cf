"""The tables, a file for each subject, all reached from here.

Statements use their Core form (``AUDIT_RECORD`` and so on); migrations hold the schema they create.

The models have a registry of their own: an application that uses SQLModel too must not find them in its metadata.
Moments are microseconds since the epoch, hashes in the log 32 raw bytes, documents JSON text.
"""

from __future__ import annotations

from typing import Final

from govflow.store.tables.approval import (
    APPROVAL_LISTING,
    APPROVAL_REQUEST,
    APPROVAL_SELECTOR,
    APPROVAL_TOKEN,
    APPROVAL_VOTE,
    NO_MAP_INDEX,
    ApprovalListing,
    ApprovalRow,
    ApprovalSelector,
    ApprovalToken,
    ApprovalVote,
)
from govflow.store.tables.audit import (
    AUDIT_CHECKPOINT,
    AUDIT_COSIGNATURE,
    AUDIT_HEAD,
    AUDIT_ORIGIN,
    AUDIT_RECORD,
    AUDIT_TILE,
    AUDIT_VALUE,
    AuditCheckpoint,
    AuditCosignature,
    AuditHead,
    AuditOrigin,
    AuditRecord,
    AuditTile,
    AuditValue,
)
from govflow.store.tables.in_stead import (
    BREAK_GLASS_REVIEW,
    DELEGATION,
    STANDING,
    STANDING_USE,
    BreakGlassReview,
    DelegationRow,
    StandingRow,
    StandingUse,
)
from govflow.store.tables.notices import NOTIFICATION, NotificationRow
from govflow.store.tables.people import (
    ANSWER_ATTEMPT,
    API_KEY,
    CONSOLE_SESSION,
    PRINCIPAL,
    SIGN_IN_LINK,
    AnswerAttempt,
    ApiKey,
    ConsoleSession,
    PrincipalRow,
    SignInLink,
)
from govflow.store.tables.permits import (
    PERMIT,
    PERMIT_REQUEST,
    PERMIT_REVOCATION,
    PERMIT_TOKEN,
    SIGNING_KEY,
    PermitRequestRow,
    PermitRevocation,
    PermitRow,
    PermitToken,
    SigningKeyRow,
)
from govflow.store.tables.runs import (
    APPROVED_PLAN,
    GOVERNED_RUN,
    RUN_MANIFEST,
    STEP_PLACE,
    ApprovedPlanRow,
    RunManifest,
    RunRow,
    StepPlace,
)
from govflow.store.tables.table import GovflowTable

METADATA: Final = GovflowTable.metadata

__all__ = [
    "ANSWER_ATTEMPT",
    "API_KEY",
    "APPROVAL_LISTING",
    "APPROVAL_REQUEST",
    "APPROVAL_SELECTOR",
    "APPROVAL_TOKEN",
    "APPROVAL_VOTE",
    "APPROVED_PLAN",
    "AUDIT_CHECKPOINT",
    "AUDIT_COSIGNATURE",
    "AUDIT_HEAD",
    "AUDIT_ORIGIN",
    "AUDIT_RECORD",
    "AUDIT_TILE",
    "AUDIT_VALUE",
    "BREAK_GLASS_REVIEW",
    "CONSOLE_SESSION",
    "DELEGATION",
    "GOVERNED_RUN",
    "METADATA",
    "NOTIFICATION",
    "NO_MAP_INDEX",
    "PERMIT",
    "PERMIT_REQUEST",
    "PERMIT_REVOCATION",
    "PERMIT_TOKEN",
    "PRINCIPAL",
    "RUN_MANIFEST",
    "SIGNING_KEY",
    "SIGN_IN_LINK",
    "STANDING",
    "STANDING_USE",
    "STEP_PLACE",
    "AnswerAttempt",
    "ApiKey",
    "ApprovalListing",
    "ApprovalRow",
    "ApprovalSelector",
    "ApprovalToken",
    "ApprovalVote",
    "ApprovedPlanRow",
    "AuditCheckpoint",
    "AuditCosignature",
    "AuditHead",
    "AuditOrigin",
    "AuditRecord",
    "AuditTile",
    "AuditValue",
    "BreakGlassReview",
    "ConsoleSession",
    "DelegationRow",
    "NotificationRow",
    "PermitRequestRow",
    "PermitRevocation",
    "PermitRow",
    "PermitToken",
    "PrincipalRow",
    "RunManifest",
    "RunRow",
    "SignInLink",
    "SigningKeyRow",
    "StandingRow",
    "StandingUse",
    "StepPlace",
]
