"""Approval tokens at rest: digests only. Spending one and casting its vote is one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from pydantic import JsonValue
from sqlalchemy import Connection, RowMapping, insert, select, update

from govflow.approval.models import ApprovalRequest, Binding, Vote, VoteDecision
from govflow.approval.tokens import TokenCause, TokenGrant, check_token, grant_token, mint, token_digest
from govflow.audit.record import Draft
from govflow.errors import TokenInvalid, TooManyAttempts, VoteRefused
from govflow.store import attempts, requests
from govflow.store.attempts import Limit
from govflow.store.ballots import Judge, cast, refuse
from govflow.store.delegations import Right, SelectorsOf, right_of
from govflow.store.engine import Database
from govflow.store.tables import APPROVAL_TOKEN as TOKEN
from govflow.store.tables import NO_MAP_INDEX
from govflow.store.times import micros, moment
from govflow.store.writer import Writer

_GRANT = ("request_id", "principal", "tenant", "run_id", "step_id", "ir_hash", "policy_digest", "parameters_digest")

OwnerNow = Callable[[str, frozenset[str]], frozenset[str]]
"""What a token's owner is now, by name and by what the owner was when the token was made."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose token it is, as that was established when it was minted."""

    name: str
    selectors: frozenset[str]
    assurance: str


class Tokens:
    """Minting and spending."""

    def __init__(self, db: Database, writer: Writer) -> None:
        self._db = db
        self._writer = writer

    def request_of(self, secret: str) -> str | None:
        """The id of the request that a token was made for, good or not; ``None`` for one that is not known.

        For choosing among requests that wait side by side. Whoever presents a token is not told.
        """
        with self._db.reading() as connection:
            found = select(TOKEN.c.request_id).where(TOKEN.c.digest == token_digest(secret))
            return connection.execute(found).scalar_one_or_none()

    def mint(
        self,
        request_id: str,
        principal: str,
        *,
        selectors: frozenset[str],
        assurance: str,
        now: datetime,
        random: bytes,
        ttl_seconds: int | None = None,
        admit: Callable[[ApprovalRequest], None] | None = None,
        limit: Limit | None = None,
        selectors_of: SelectorsOf | None = None,
    ) -> str:
        """Make a token for one person and one request; an older unused one of theirs stops working.

        Args:
            request_id: of a pending request.
            principal: who votes with it.
            selectors: of that person.
            assurance: how the person's identity was established, in words.
            now: aware.
            random: 32 bytes from the system's secure source.
            ttl_seconds: life of the token, ``None`` for that of the request; it never outlives the request.
            admit: looks at the request before anything is granted, and raises ``VoteRefused`` for a no.
            limit: how many refusals are taken, and of whom.
            selectors_of: what others are, by name, who may have let this person answer in their stead.

        Returns:
            The secret. It is not stored, so this is the only time that it can be had.

        Raises:
            VoteRefused: the person may not answer this request; that it was tried is on record.
            TooManyAttempts: it was not looked at.
            RequestError: no such request, or a ``ttl_seconds`` of 0 or less.
        """
        secret, digest = mint(random)
        try:
            with self._writer.transaction() as transaction:
                connection = transaction.connection
                request = requests.read(connection, request_id)
                attempts.check(connection, request.binding.tenant, limit, now)
                if admit is not None:
                    admit(request)
                before = requests.votes(connection, request_id)
                right = right_of(connection, request, principal, selectors, selectors_of, now, before)
                grant = _granted(request, principal, selectors, right, digest, now, ttl_seconds)
                self._supersede(connection, request_id, principal, now)
                _insert(connection, grant, _Owner(principal, selectors, assurance), now)
                payload: dict[str, JsonValue] = {"expires_at": grant.expires_at.isoformat(), "assurance": assurance}
                transaction.record(requests.about(request, "token.minted", now, subject=principal, payload=payload))
        except TooManyAttempts:
            raise
        except VoteRefused as refusal:
            refuse(self._writer, request_id, principal, now, {"code": refusal.code, "assurance": assurance}, limit)
            raise
        return secret

    def spend(
        self,
        secret: str,
        binding: Binding,
        decision: VoteDecision,
        reason: str,
        now: datetime,
        judge: Judge,
        *,
        limit: Limit | None = None,
        selectors_of: SelectorsOf | None = None,
        owner_now: OwnerNow | None = None,
    ) -> ApprovalRequest:
        """Vote with a token.

        Args:
            secret: as it was presented; it is stored nowhere.
            binding: what is being decided, from the request that is open, not from the token.
            decision: approve or deny.
            reason: in the person's words.
            now: aware; decides whether token and request are still good.
            judge: :func:`govflow.approval.rules.judge_vote`.
            limit: how many wrong answers are taken with one token, and of whoever else it names.
            selectors_of: what others are, by name, who may have let the token's owner answer in their stead.
            owner_now: what the owner is at this moment; without it what the owner was when the token was made.

        Raises:
            TooManyAttempts: it was not looked at.
            TokenInvalid: unknown, used, expired, or for something else. One answer for all; the log has the cause.
            VoteRefused: the token is good, its owner's vote does not count. The token is not spent.
        """
        digest = token_digest(secret)
        limited = None if limit is None else limit.of(f"token:{digest}")
        vote: Vote | None = None
        owner: _Owner | None = None
        try:
            with self._writer.transaction() as transaction:
                connection = transaction.connection
                attempts.check(connection, binding.tenant, limited, now)
                row = connection.execute(select(TOKEN).where(TOKEN.c.digest == digest)).mappings().first()
                owner = _owner_of(row)
                check_token(_grant_of(row), binding, now)
                assert row is not None and owner is not None  # check_token refuses what was not found
                request = requests.read(connection, row["request_id"])
                if request.binding != binding:
                    raise TokenInvalid(details={"cause": TokenCause.REQUEST.value})
                if not _burn(connection, digest, binding, now):
                    raise TokenInvalid(details={"cause": TokenCause.USED.value})
                held = owner.selectors if owner_now is None else owner_now(owner.name, owner.selectors)
                vote = Vote(
                    request_id=request.request_id,
                    principal=owner.name,
                    assurance=owner.assurance,
                    decision=decision,
                    reason=reason,
                    at=now,
                    selectors=tuple(sorted(held)),
                )
                return cast(transaction, vote, held, judge, selectors_of)
        except TooManyAttempts:
            raise
        except TokenInvalid as wrong:
            self._record_invalid(binding, owner, str(wrong.details.get("cause", "")), now, limited)
            # A new one, without the cause: whoever presents a token learns nothing about it.
            raise TokenInvalid(mend="Ask for a new token.") from None
        except VoteRefused as refusal:
            assert vote is not None
            said: dict[str, JsonValue] = {"code": refusal.code, "assurance": vote.assurance}
            refuse(self._writer, vote.request_id, vote.principal, now, {**said, "decision": decision.value}, limited)
            raise

    def refuse_unknown(self, tenant: str, secret: str, now: datetime, limit: Limit | None = None) -> NoReturn:
        """Answer a token for a request that is not there as :meth:`spend` answers a wrong one for a request that is.

        It is counted and put on record like that, so that nobody finds out by asking which requests there are.

        Args:
            tenant: that was asked.
            secret: as it was presented.
            now: aware.
            limit: as there.

        Raises:
            TooManyAttempts: too many were wrong.
            TokenInvalid: else.
        """
        limited = None if limit is None else limit.of(f"token:{token_digest(secret)}")
        with self._writer.transaction() as transaction:
            attempts.check(transaction.connection, tenant, limited, now)
            payload: dict[str, JsonValue] = {"cause": TokenCause.REQUEST.value}
            transaction.record(Draft("ir.approval_invalid", tenant, now, subject="anonymous", payload=payload))
            attempts.count(transaction, tenant, limited, "anonymous", now)
        raise TokenInvalid(mend="Ask for a new token.")

    def _supersede(self, connection: Connection, request_id: str, principal: str, now: datetime) -> None:
        still_good = (TOKEN.c.used_at.is_(None), TOKEN.c.expires_at > micros(now))
        whose = (TOKEN.c.request_id == request_id, TOKEN.c.principal == principal)
        connection.execute(update(TOKEN).where(*whose, *still_good).values(expires_at=micros(now)))

    def _record_invalid(
        self, binding: Binding, owner: _Owner | None, cause: str, now: datetime, limited: Limit | None
    ) -> None:
        # In the log of the tenant that was asked for, and without the owner of another tenant's token.
        ours = owner is not None and cause != TokenCause.TENANT.value
        subject = owner.name if owner is not None and ours else "anonymous"
        with self._writer.transaction() as transaction:
            transaction.record(
                Draft(
                    "ir.approval_invalid",
                    binding.tenant,
                    now,
                    subject=subject,
                    run_id=binding.run_id,
                    flow=binding.flow,
                    step_id=binding.step_id,
                    correlation=binding.run_id,
                    payload={"cause": cause, "ir_hash": binding.ir_hash, "map_index": binding.map_index},
                )
            )
            attempts.count(transaction, binding.tenant, limited, subject, now)


def _granted(
    request: ApprovalRequest,
    principal: str,
    selectors: frozenset[str],
    right: Right,
    digest: str,
    now: datetime,
    ttl_seconds: int | None,
) -> TokenGrant:
    """What a token is good for, by the owner's own right or by that of somebody who handed it on."""
    if not right.through:
        return grant_token(request, principal, selectors, digest, now, ttl_seconds)
    grant = grant_token(request, right.through[0], right.selectors, digest, now, ttl_seconds)
    return grant.model_copy(update={"principal": principal})


def _burn(connection: Connection, digest: str, binding: Binding, now: datetime) -> bool:
    """The one conditional UPDATE that spends a token; whether it did."""
    demanded = requests.binding_columns(binding)
    del demanded["flow"]  # the token's request holds it, and was compared
    statement = (
        update(TOKEN)
        .where(
            TOKEN.c.digest == digest,
            TOKEN.c.used_at.is_(None),
            TOKEN.c.expires_at > micros(now),
            *(TOKEN.c[name] == value for name, value in demanded.items()),
        )
        .values(used_at=micros(now))
    )
    return connection.execute(statement).rowcount == 1


def _insert(connection: Connection, grant: TokenGrant, owner: _Owner, now: datetime) -> None:
    values: dict[str, Any] = {name: getattr(grant, name) for name in _GRANT}
    connection.execute(
        insert(TOKEN).values(
            **values,
            digest=grant.token_digest,
            assurance=owner.assurance,
            selectors=json.dumps(sorted(owner.selectors)),
            map_index=NO_MAP_INDEX if grant.map_index is None else grant.map_index,
            minted_at=micros(now),
            expires_at=micros(grant.expires_at),
        )
    )


def _owner_of(row: RowMapping | None) -> _Owner | None:
    if row is None:
        return None
    return _Owner(row["principal"], frozenset(json.loads(row["selectors"])), row["assurance"])


def _grant_of(row: RowMapping | None) -> TokenGrant | None:
    if row is None:
        return None
    return TokenGrant(
        **{name: row[name] for name in _GRANT},
        token_digest=row["digest"],
        map_index=None if row["map_index"] == NO_MAP_INDEX else row["map_index"],
        expires_at=moment(row["expires_at"]),
        used_at=None if row["used_at"] is None else moment(row["used_at"]),
    )
