"""``govflow policy explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def explain(
    policy: Path | None = None,
    /,
    *,
    request: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    action: str | None = None,
    resource: str | None = None,
    provider: str | None = None,
    user: str | None = None,
    role: tuple[str, ...] = (),
    group: tuple[str, ...] = (),
    team: tuple[str, ...] = (),
    tenant: str | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    all_: Annotated[bool, Parameter(name="--all")] = False,
    format: Literal["text", "json"] = "text",
) -> int:
    """Explain a decision: every rule in order, the first thing that did not match, exceptions, the default.

    Below it stands what would make the request pass: the smallest changes that are known, each tried by the engine.
    Values of the request are not repeated, only their types. Nothing reads the clock: say `--set run.time=2027-01-31`.

    Exit code 0: explained, whatever was decided. 2: the policy or the request cannot be used.

    Examples, one a line:

    - `govflow policy explain policy.yaml --action data:delete --resource dataset://acme/x --set step.records=500`
    - `govflow policy explain policy.yaml --request request.json --role owner`
    - `govflow policy lint policy.yaml --format json | jq '.findings[0].shown_by[0].request' | govflow policy explain
      policy.yaml --request -`

    Args:
        policy: a policy file; without one, the configured policy.
        request: a file with the request, JSON or YAML; - for stdin. Options change it.
        action: what is done, such as data:delete.
        resource: to what, such as dataset://acme/sales.
        provider: with what, such as postgres.
        user: who asks.
        role: a role of whoever asks; may be given more than once.
        group: a group of whoever asks; may be given more than once.
        team: a team of whoever asks; may be given more than once.
        tenant: the tenant of the run.
        set_: PATH=VALUE, an attribute; the value is JSON where it can be read so. May be given more than once.
        all_: show every rule, also those for other actions and resources.
        format: text for people, json for programs.
    """
    import sys

    from govflow.cli.output import write, write_json
    from govflow.cli.policy.chosen import document_of, policy_file
    from govflow.errors import RequestError
    from govflow.services.describe.policy_explanation import explanation_text
    from govflow.services.explain_policy import explain_policy, read_request, read_value, request_text

    given = {
        "action": action,
        "resource": resource,
        "provider": provider,
        "subject.name": user,
        "subject.roles": list(role) or None,
        "subject.groups": list(group) or None,
        "subject.teams": list(team) or None,
        "run.tenant": tenant,
    }
    changes = {path: value for path, value in given.items() if value is not None}
    for one in set_:
        path, mark, value = one.partition("=")
        if not mark or not path:
            raise RequestError(f"--set {one}: not PATH=VALUE.", mend="--set step.records=500")
        changes[path] = read_value(value)
    text = "" if request is None else sys.stdin.read() if str(request) == "-" else request_text(request)
    asked = read_request(text, "stdin" if str(request) == "-" else str(request), changes)
    explanation = explain_policy(document_of(policy_file(policy)), asked)
    if format == "json":
        write_json(explanation.to_dict())
    else:
        write(explanation_text(explanation, everything=all_))
    return 0
