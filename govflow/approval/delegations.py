"""Delegations: one person lets another answer in their stead, and by what right somebody answers.

A delegation widens nothing. Whoever gives must have the right, by the rule or from somebody who has it, at the moment
at which it is used; and no chain leads through the requester or an owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from govflow.approval.ballots import Ballot, excluded
from govflow.approval.models import ApprovalRequest, ApprovalRule, Delegation, DelegationTerms, Vote
from govflow.approval.people import person_key, same_person
from govflow.approval.rules import eligible
from govflow.approval.tally import Tally
from govflow.errors import NotEligible, RequestError, SelfApproval


def path(
    delegations: Iterable[Delegation],
    taker: str,
    request: ApprovalRequest,
    now: datetime,
    selectors_of: Callable[[str], frozenset[str]],
    *,
    votes: Sequence[Vote] | None = None,
    approves: bool = True,
) -> tuple[str, ...] | None:
    """By whose right somebody may answer a request.

    Args:
        delegations: all there are, of whatever tenant, people and time; those that do not hold are left out.
        taker: who wants to answer.
        request: what is asked.
        now: aware. A delegation is over at ``expires_at``, and once it is older than the rule lets it be.
        selectors_of: what a person is at this moment.
        votes: so far, where they are known: then nobody who is spent is in the chain, and a right whose yes counts
            now comes before one whose yes does not.
        approves: whether it is a yes. A no counts at any time, so who has the right to it uses nobody else's for it.

    Returns:
        Who handed it on, from the one whom the rule names to the one before the taker; the shortest chain, of several
        the first in the order of names. Empty if the rule names the taker; None if there is no right.
    """
    out = excluded(request)
    if not person_key(taker) or person_key(taker) in out:
        return None
    spent = frozenset(Tally(request, votes).spent) if votes is not None else frozenset[str]()
    if person_key(taker) not in spent:  # who has voted is told so when the vote is judged
        out |= spent
    found = [
        chain
        for chain in _chains(list(delegations), taker, request, now, out)
        if eligible(request.rule, request, (*chain, taker)[0], selectors_of((*chain, taker)[0]), now=now)
    ]
    if votes is not None and approves:
        asked = [chain for chain in found if _counts_now(request, votes, chain, taker, now, selectors_of)]
        found = asked or found
    return found[0] if found else None


def _chains(
    delegations: Sequence[Delegation], taker: str, request: ApprovalRequest, now: datetime, out: frozenset[str]
) -> list[tuple[str, ...]]:
    """The shortest chain from each person from whom one leads to the taker, the taker's own first; shortest first."""
    found: list[tuple[str, ...]] = [()]
    terms = request.rule.delegation
    if terms is None:
        return found
    good = sorted((one for one in delegations if _holds(one, request, terms, now)), key=lambda one: one.giver)
    seen = {person_key(taker), *out}
    level: list[tuple[str, ...]] = [()]
    for hands in range(terms.depth):  # hands that follow the one that is looked for
        further: list[tuple[str, ...]] = []
        for chain in level:
            before = (*chain, taker)[0]
            for one in good:
                if one.taker == before and one.depth >= hands and (key := person_key(one.giver)) and key not in seen:
                    seen.add(key)
                    further.append((one.giver, *chain))
        level = sorted(further)
        found += level
    return found


def _holds(one: Delegation, request: ApprovalRequest, terms: DelegationTerms, now: datetime) -> bool:
    if one.tenant != request.binding.tenant or one.revoked_at is not None or now >= one.expires_at:
        return False
    if now - one.created_at >= timedelta(seconds=terms.ttl_seconds):
        return False
    if one.request_id is not None and one.request_id != request.request_id:
        return False
    return one.rule is None or one.rule == request.rule.name


def _counts_now(
    request: ApprovalRequest,
    votes: Sequence[Vote],
    chain: tuple[str, ...],
    taker: str,
    now: datetime,
    selectors_of: Callable[[str], frozenset[str]],
) -> bool:
    giver = (*chain, taker)[0]
    people = frozenset(person_key(name) for name in (*chain, taker))
    ballot = Ballot(taker, giver, selectors_of(giver), selectors_of(taker), people, len(chain), now)
    return Tally(request, votes).count(ballot)


def check_delegation(
    delegation: Delegation,
    rules: Sequence[ApprovalRule],
    *,
    request: ApprovalRequest | None = None,
    chain: tuple[str, ...] | None = (),
) -> None:
    """Check that a delegation may be given. Whether it leads to a right is looked at again when it is used.

    Args:
        delegation: the new one.
        rules: those for which it would hold: that of its request, the one that it names, or all of the policy.
        request: the one that it is for, if it is for one.
        chain: by what right the giver gives, from :func:`path`; None where there is none.

    Raises:
        RequestError: giver and taker are one person; it is for a request and a rule; its life is not positive or
            longer than a rule lets it be; it may be handed on more often than a rule lets it be.
        SelfApproval: the requester, or an owner of what started the run, gives or takes.
        NotEligible: the giver has no right to give, or no rule lets anybody delegate.
    """
    said = {"giver": delegation.giver, "taker": delegation.taker}
    if not delegation.giver.strip() or not delegation.taker.strip():
        raise RequestError("A delegation needs one who gives and one who takes.", mend="Name both.")
    if same_person(delegation.giver, delegation.taker):
        raise RequestError("Nobody delegates to themselves.", mend="Name somebody else.", details=said)
    if delegation.request_id is not None and delegation.rule is not None:
        raise RequestError("A delegation is for one request or for one rule.", mend="Leave one of the two out.")
    if request is not None and {person_key(name) for name in said.values()} & excluded(request):
        mend = "Neither the requester nor an owner of what started the run answers, or lets others answer."
        raise SelfApproval(mend=mend, details=said)
    if chain is None:
        mend = "Only one whom the rule names, or who was given the right to hand it on, can give it."
        raise NotEligible(f"{delegation.giver} has no right to hand on.", mend=mend, details=said)
    open_to = [rule.delegation for rule in rules if rule.delegation is not None and rule.delegation.depth > len(chain)]
    if not open_to:
        named = ", ".join(sorted(rule.name for rule in rules)) or "none"
        mend = f"Rules that would have to allow it under 'delegation': {named}."
        raise NotEligible("No approval rule lets this be delegated.", mend=mend, details=said)
    _check_terms(delegation, open_to, len(chain))


def repeats(delegation: Delegation, other: Delegation) -> bool:
    """Whether ``other``, which is in force, gives all that ``delegation`` would: between the same two, for the same."""
    return (
        delegation.tenant == other.tenant
        and same_person(delegation.giver, other.giver)
        and same_person(delegation.taker, other.taker)
        and (delegation.request_id, delegation.rule) == (other.request_id, other.rule)
        and delegation.depth <= other.depth
        and delegation.expires_at <= other.expires_at
    )


def _check_terms(delegation: Delegation, open_to: Sequence[DelegationTerms], before: int) -> None:
    life = delegation.expires_at - delegation.created_at
    longest = max(terms.ttl_seconds for terms in open_to)
    if not timedelta() < life <= timedelta(seconds=longest):
        raise RequestError(
            f"A delegation of {life.total_seconds():.0f} s cannot be given.", mend=f"It lives 1 to {longest} seconds."
        )
    deepest = max(terms.depth for terms in open_to) - before - 1
    if delegation.depth > deepest:
        mend = f"Let it be handed on {deepest} times at most."
        raise RequestError(f"It could be handed on {delegation.depth} times more.", mend=mend)
