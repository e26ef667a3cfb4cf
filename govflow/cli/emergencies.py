"""``govflow approvals break-glass``, ``review`` and ``reviews``."""

from __future__ import annotations

from typing import Literal

from govflow.cli import session
from govflow.cli.naming import As
from govflow.cli.resuming import is_gone, resume


def break_glass(
    request: str, *, as_: As, reason: str, yes: bool = False, format: Literal["text", "json"] = "text"
) -> int:
    """Let a step run alone, in an emergency, where the approval rule names you for that. Somebody else reviews it.

    The record of it is critical, and it stays due for review until another person has said what they found.

    Example:  govflow approvals break-glass 7c4e2f --as dora --reason "the site is down, nobody else answers"

    Args:
        request: the request's id.
        as_: your name.
        reason: why it cannot wait, for whoever reviews it.
        yes: do not ask back. Without a terminal nothing is asked.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.asking import confirmed
    from govflow.cli.output import write, write_json
    from govflow.services.break_glass import break_glass as alone
    from govflow.services.decide_approvals import show_request
    from govflow.services.describe import request_json, request_text
    from govflow.services.describe.reviews import review_line

    with session.workspace() as workspace:
        person = workspace.principal(as_)
        asked = show_request(workspace, request)
        words = f"let it run alone, as {person.name}?"
        if not yes and not confirmed(request_text(asked.request, asked.votes), words):
            write("nothing was recorded")
            return 1
        gone = is_gone(workspace.store, asked.request)
        question = alone(workspace, request, person, reason, datetime.now(UTC))
        due = workspace.store.reviews.get(request)
        resumed = resume(workspace.store, question.request, gone=gone)
    if format == "json":
        answer = {**request_json(question.request, question.votes), "review_by": due.due_at.isoformat()}
        write_json({**answer, "resumed": resumed} if resumed else answer)
    else:
        write(f"{person.name} ({person.assurance}): broke the glass. Request {request} is approved.")
        write(review_line(due))
        if resumed:
            write(resumed)
    return 0


def review(request: str, *, as_: As, finding: str, format: Literal["text", "json"] = "text") -> int:
    """Say what you found about a step that somebody let run alone; you had no part in it.

    Example:  govflow approvals review 7c4e2f --as carol --finding "right: the backup was there, and it was needed"

    Args:
        request: the request's id.
        as_: your name.
        finding: what you found, for the record.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.break_glass import review as look_at
    from govflow.services.describe.reviews import review_json, review_line

    with session.workspace() as workspace:
        found = look_at(workspace, request, workspace.principal(as_), finding, datetime.now(UTC))
    if format == "json":
        write_json(review_json(found))
    else:
        write(review_line(found))
    return 0


def reviews(*, due: bool = False, all: bool = False, format: Literal["text", "json"] = "text") -> int:
    """List what people let run alone and nobody has reviewed yet. Exit code 1 if a review is overdue.

    Example:  govflow approvals reviews --due

    Args:
        due: only those whose time is over.
        all: also those that were reviewed.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.break_glass import list_reviews
    from govflow.services.describe.reviews import review_json, reviews_text

    now = datetime.now(UTC)
    with session.workspace() as workspace:
        found = list_reviews(workspace, now, due=due, reviewed=all)
    if format == "json":
        write_json({"reviews": [{**review_json(one), "overdue": one.overdue(now)} for one in found]})
    else:
        write(reviews_text(found, now))
    return 1 if any(one.overdue(now) for one in found) else 0
