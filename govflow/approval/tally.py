"""Counting: the votes on a request, taken in the order in which they were cast.

Each yes counts for the stage that was open when it was cast, and there for one group; or, where it can do nothing for
that stage, for an optional one. What it counts for does not change afterwards, except that people of one stage move
between its groups where that lets more of them count.

Where a yes was taken out, the others are counted as if it had never been cast: one that fits the stage which then is
open counts there. One that does not keeps the place that it had, so that a later stage need not be asked twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from govflow.approval.ballots import Ballot, ballot_of, escalated, excluded, ordinary, vetoes
from govflow.approval.models import ApprovalRequest, Stage, Vote
from govflow.approval.selectors import names
from govflow.approval.stages import stages_of
from govflow.policy.seating import Seating


class StageTally:
    """What a stage has been given."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.voters: list[str] = []
        self._fits: list[frozenset[int]] = []
        self._seating = Seating([group.required for group in stage.groups])

    @property
    def content(self) -> bool:
        """Whether enough people of its groups said yes: of all of them, or of any."""
        return self.missing == 0

    @property
    def missing(self) -> int:
        """The fewest further people who could make it content."""
        return self._seating.free if self.stage.need == "all" else min(self.missing_of(), default=1)

    def missing_of(self) -> list[int]:
        """For each group how many it still needs. Where any group will do, all who are in it count for it."""
        if self.stage.need == "all":
            taken = self._seating.sitting
            return [group.required - len(taken[number]) for number, group in enumerate(self.stage.groups)]
        able = [sum(number in fits for fits in self._fits) for number in range(len(self.stage.groups))]
        return [max(0, group.required - count) for group, count in zip(self.stage.groups, able, strict=True)]

    def fits(self, ballot: Ballot, further: Iterable[str] = ()) -> frozenset[int]:
        """The groups in which it could count."""
        if names(further, ballot.name, ballot.rights):
            return frozenset(range(len(self.stage.groups)))
        groups = enumerate(self.stage.groups)
        return frozenset(n for n, group in groups if names(group.approvers, ballot.name, ballot.rights))

    def helps(self, fits: frozenset[int]) -> bool:
        """Whether one more person who is in these groups brings the stage nearer to its end."""
        if self.content or not fits:
            return False
        return self.stage.need == "any" or self._seating.would_help(fits)

    def add(self, voter: str, fits: frozenset[int]) -> None:
        """Count one more person."""
        self.voters.append(voter)
        self._fits.append(fits)
        self._seating.add(fits)

    def given(self) -> list[tuple[str, ...]]:
        """For each group the people who count in it; nobody is in two."""
        if self.stage.need == "all":
            return [tuple(self.voters[person] for person in sorted(people)) for people in self._seating.sitting]
        # The group that is nearest to its end gets everybody who is in it: it is the one that will decide.
        missing, left = self.missing_of(), dict(enumerate(self._fits))
        found: list[tuple[str, ...]] = [()] * len(missing)
        for number in sorted(range(len(missing)), key=lambda number: (missing[number], number)):
            here = [person for person, fits in left.items() if number in fits]
            found[number] = tuple(self.voters[person] for person in here)
            left = {person: fits for person, fits in left.items() if person not in here}
        return found


class Tally:
    """What the votes on a request have come to."""

    def __init__(self, request: ApprovalRequest, votes: Iterable[Vote] = ()) -> None:
        self.request = request
        self.rule = request.rule
        self.stages = [StageTally(stage) for stage in stages_of(request.rule)]
        self.approved_by: list[str] = []
        self.denied_by: list[str] = []
        self.vetoed = False
        self.spent: set[str] = set()
        self._excluded = excluded(request)
        self._one = [group for one in self.stages for group in one.stage.groups]
        ballots = [ballot_of(vote) for vote in votes if ordinary(request, vote)]
        whole = Tally(request) if any(ballot.withdrawn for ballot in ballots) else None
        for ballot in ballots:
            had = None
            if whole is not None:  # as it was while nothing had been taken out
                had = whole._numbered_place(ballot)
                whole.count(replace(ballot, withdrawn=False))
            self._take(ballot, had)

    @property
    def open(self) -> StageTally | None:
        """The stage that is asked now; None once nobody is waited for any more."""
        return next((one for one in self.stages if not one.stage.optional and not one.content), None)

    @property
    def approved(self) -> bool:
        """Whether all stages are content that are not optional; never where all of them are."""
        return self.open is None and any(not one.stage.optional for one in self.stages)

    @property
    def denied(self) -> bool:
        """Whether enough people said no, or one who may veto."""
        return self.vetoed or len(self.denied_by) >= self.rule.deny_threshold

    @property
    def needed(self) -> int:
        """The fewest further people who could make it approved."""
        return sum(one.missing for one in self.stages if not one.stage.optional)

    def place(self, ballot: Ballot) -> tuple[StageTally, frozenset[int]] | None:
        """The stage for which a yes would count now, and its groups; None if it would count for none."""
        return self._in_turn(ballot) or self._optional(ballot)

    def _in_turn(self, ballot: Ballot) -> tuple[StageTally, frozenset[int]] | None:
        further = escalated(self.rule, self.request, ballot.at)
        now = self.open
        if now is not None:
            everywhere = ballot.unkept and len(self._one) == 1  # it was found to count when it was cast
            fits = frozenset({0}) if everywhere else now.fits(ballot, further)
            if now.helps(fits):
                return now, fits
        return None

    def _optional(self, ballot: Ballot) -> tuple[StageTally, frozenset[int]] | None:
        for one in self.stages:
            if one.stage.optional and (fits := one.fits(ballot)):
                return one, fits
        return None

    def count(self, ballot: Ballot) -> bool:
        """Take one more vote; whether it counts. One of somebody who is spent, or never counts, does not."""
        return self._take(ballot, None)

    def _numbered_place(self, ballot: Ballot) -> tuple[int, frozenset[int]] | None:
        place = self.place(ballot) if ballot.approves else None
        return None if place is None else (self.stages.index(place[0]), place[1])

    def _take(self, ballot: Ballot, had: tuple[int, frozenset[int]] | None) -> bool:
        """Count a vote; ``had`` is the place of one that was cast before another was taken out."""
        if ballot.people & (self.spent | self._excluded):
            return False
        self.spent |= ballot.people
        if not ballot.approves:
            self.denied_by.append(ballot.voter)
            self.vetoed = self.vetoed or vetoes(self.rule, ballot)
            return True
        if ballot.withdrawn:
            return False
        kept = None if had is None else (self.stages[had[0]], had[1])
        place = self._in_turn(ballot) or kept or self._optional(ballot)
        if place is None:
            return False
        stage, fits = place
        stage.add(ballot.voter, fits)
        self.approved_by.append(ballot.voter)
        return True
