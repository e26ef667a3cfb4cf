"""``govflow approvals``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from govflow.cli import session
from govflow.cli.delegating import app as delegations
from govflow.cli.delegating import delegate
from govflow.cli.emergencies import break_glass, review, reviews
from govflow.cli.naming import As
from govflow.cli.notify import notify
from govflow.cli.resuming import is_gone, resume
from govflow.cli.standing import stand, standing
from govflow.cli.who_decides import who

if TYPE_CHECKING:
    from govflow.services.decide_approvals import Question

app = App(name="approvals", help="List, show and answer approval requests.", help_format="markdown", help_epilogue="")

State = Literal["pending", "approved", "exercised", "denied", "expired", "revoked", "voided", "all"]


@app.command(name="list")
def list_(*, state: State = "pending", limit: int = 50, format: Literal["text", "json"] = "text") -> int:
    """List requests, newest first: by default those that wait for an answer.

    Example:  govflow approvals list --state all --format json

    Args:
        state: only requests in this state.
        limit: at most so many.
        format: text for people, json for programs.
    """
    from govflow.approval import RequestState
    from govflow.cli.output import write, write_json
    from govflow.services.decide_approvals import list_requests
    from govflow.services.describe import request_json, requests_text

    with session.workspace() as workspace:
        wanted = None if state == "all" else RequestState(state)
        found = list_requests(workspace, wanted, limit)
    if format == "json":
        write_json({"requests": [request_json(request) for request in found]})
    else:
        write(requests_text(found))
    return 0


@app.command
def show(request: str, *, format: Literal["text", "json", "md"] = "text") -> int:
    """Show one request: what is asked and why, of whom, until when, and how to answer.

    Example:  govflow approvals show 7c4e2f

    Args:
        request: the request's id.
        format: text for people, json for programs, md for a page.
    """
    from govflow.cli.output import write, write_json
    from govflow.services.decide_approvals import other_policy, show_request
    from govflow.services.describe import request_json, request_markdown, request_text
    from govflow.services.explain_run import PENDING, stop_of

    with session.workspace() as workspace:
        question = show_request(workspace, request)
        caution = other_policy(workspace, question.request)
        stop = stop_of(workspace, question.request, question.votes)
    if format == "json":
        told = {"needed": question.needed, "stop": None if stop is None else asdict(stop)}
        write_json({**request_json(question.request, question.votes), **told})
    elif format == "md":
        write(request_markdown(question.request, question.votes))
    else:
        write(
            request_text(
                question.request,
                question.votes,
                caution=f"{caution.message} {caution.mend}" if caution else "",
                # What waits is described already, with how to answer or why an answer would not count.
                stop=stop.sentence if stop is not None and stop.code != PENDING else "",
            )
        )
    return 0


@app.command
def approve(
    request: str, *, as_: As, reason: str = "", yes: bool = False, format: Literal["text", "json"] = "text"
) -> int:
    """Say yes to a request, as a named person. The requester of a run never counts.

    The name is recorded as claimed, not authenticated: whoever can run this command can give any name.

    Example:  govflow approvals approve 7c4e2f --as bob --reason "checked the row count"

    Args:
        request: the request's id.
        as_: your name.
        reason: why, for the record.
        yes: do not ask back. Without a terminal nothing is asked.
        format: text for people, json for programs.
    """
    return _vote("approve", request, as_, reason, yes, format)


@app.command
def deny(
    request: str, *, as_: As, reason: str = "", yes: bool = False, format: Literal["text", "json"] = "text"
) -> int:
    """Say no to a request, as a named person. One no ends it, unless its approval rule needs more.

    Example:  govflow approvals deny 7c4e2f --as bob --reason "wrong table"

    Args:
        request: the request's id.
        as_: your name.
        reason: why, for the record and for those who wait.
        yes: do not ask back. Without a terminal nothing is asked.
        format: text for people, json for programs.
    """
    return _vote("deny", request, as_, reason, yes, format)


@app.command
def token(request: str, *, as_: As, format: Literal["text", "json"] = "text") -> int:
    """Make a single-use token with which you answer a request elsewhere, such as in Prefect's Resume form.

    It is good for this person and this request alone, and for one vote. It is shown once and stored nowhere; a new one
    replaces it. Treat it as a password.

    Example:  govflow approvals token 7c4e2f --as bob

    Args:
        request: the request's id.
        as_: your name.
        format: text for people, json for programs.
    """
    import secrets
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.decide_approvals import mint_token

    with session.workspace() as workspace:
        person = workspace.principal(as_)
        secret = mint_token(workspace, request, person, datetime.now(UTC), secrets.token_bytes(32))
    if format == "json":
        write_json({"request_id": request, "principal": person.name, "token": secret})
    else:
        write(secret)
    return 0


@app.command
def revoke(
    request: str, *, as_: As, reason: str = "", yes: bool = False, format: Literal["text", "json"] = "text"
) -> int:
    """Take a request back, as its requester or as somebody whom its approval rule names.

    It works for a question, and for an approval that the run has not used yet. The step does not run.

    Example:  govflow approvals revoke 7c4e2f --as alice --reason "not today"

    Args:
        request: the request's id.
        as_: your name.
        reason: why, for the record and for those who wait.
        yes: do not ask back. Without a terminal nothing is asked.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.asking import confirmed
    from govflow.cli.output import write, write_json
    from govflow.services.decide_approvals import show_request
    from govflow.services.describe import request_json, request_text
    from govflow.services.revoke_approval import revoke

    with session.workspace() as workspace:
        person = workspace.principal(as_)
        asked = show_request(workspace, request)
        if not yes and not confirmed(request_text(asked.request, asked.votes), f"revoke as {person.name}?"):
            write("nothing was recorded")
            return 1
        gone = is_gone(workspace.store, asked.request)
        question = revoke(workspace, request, person, reason, datetime.now(UTC))
        resumed = resume(workspace.store, question.request, gone=gone)
    if format == "json":
        answer = request_json(question.request, question.votes)
        write_json({**answer, "resumed": resumed} if resumed else answer)
    else:
        write(f"{person.name} ({person.assurance}): revoked. The step of request {request} will not run.")
        if resumed:
            write(resumed)
    return 0


@app.command
def expire(*, format: Literal["text", "json"] = "text") -> int:
    """Close every request whose time is over, in every tenant of the database.

    Nothing depends on it: what is overdue can be neither approved nor used. It tells those who wait.

    Example:  govflow approvals expire --format json

    Args:
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe import request_json, requests_text
    from govflow.services.expire_approvals import expire_approvals

    with session.workspace() as workspace:
        everything = expire_approvals(workspace, datetime.now(UTC))
        resumed = {one.request_id: resume(workspace.store, one, gone=False) for one in everything}
        # What other tenants ask is none of ours to show.
        closed = [one for one in everything if one.binding.tenant == workspace.settings.tenant]
    others = len(everything) - len(closed)
    if format == "json":
        found = [{**request_json(one), "resumed": resumed[one.request_id]} for one in closed]
        write_json({"expired": found, "of_other_tenants": others})
        return 0
    write(requests_text(closed) if closed else "nothing was due\n")
    if others:
        write(f"of other tenants: {others}")
    for one in closed:
        if resumed[one.request_id]:
            write(f"{one.request_id}: {resumed[one.request_id]}")
    return 0


def _vote(decision: Literal["approve", "deny"], request_id: str, name: str, reason: str, yes: bool, format: str) -> int:
    from datetime import UTC, datetime

    from govflow.approval import VoteDecision
    from govflow.cli.asking import confirmed
    from govflow.cli.output import write, write_json
    from govflow.services.decide_approvals import decide, other_policy, show_request
    from govflow.services.describe import request_json, request_text

    with session.workspace() as workspace:
        person = workspace.principal(name)
        asked = show_request(workspace, request_id)
        # What cannot count is refused without asking back, and that it was tried goes on record.
        asking = not yes and other_policy(workspace, asked.request) is None
        if asking and not confirmed(request_text(asked.request, asked.votes), f"{decision} as {person.name}?"):
            write("nothing was recorded")
            return 1
        gone = is_gone(workspace.store, asked.request)  # asked first: whoever waits lets go once it has its answer
        question = decide(workspace, request_id, person, VoteDecision(decision), reason, datetime.now(UTC))
        resumed = resume(workspace.store, question.request, gone=gone)
    if format == "json":
        answer = {**request_json(question.request, question.votes), "needed": question.needed}
        write_json({**answer, "resumed": resumed} if resumed else answer)
    else:
        write(_outcome(question, person.name, decision))
        if resumed:
            write(resumed)
    return 0


def _outcome(question: Question, name: str, decision: str) -> str:
    request = question.request
    cast = question.votes[-1]
    stead = f", in the stead of {cast.through[-1]}" if cast.through else ""
    said = f"{name} ({cast.assurance}){stead}: {decision}. Request {request.request_id} is {request.state}"
    if question.needed:
        people = "one more person" if question.needed == 1 else f"{question.needed} more people"
        return f"{said}: {people} must approve."
    if request.summary.get("wait") == "standing":
        return f"{said}: it is in force." if request.state == "approved" else f"{said}."
    return f"{said}. The run goes on." if request.state == "approved" else f"{said}. The step will not run."


for command in (notify, who, delegate, stand, standing, review, reviews):
    app.command(command)
app.command(break_glass, name="break-glass")
app.command(delegations)
