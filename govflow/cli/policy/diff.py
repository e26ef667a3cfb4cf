"""``govflow policy diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def diff(
    old: Path,
    new: Path,
    /,
    *,
    format: Literal["text", "json", "md"] = "text",
) -> int:
    """Show which requests a changed policy decides otherwise: what becomes allowed first, each with such a request.

    Requests are made around each rule of both files, and around what differs most of all; both policies decide them.
    So what is shown is so. What is not shown is ruled out only where the report says that it is proven.

    Exit code 0: no request was found that has another effect. 1: one was. 2: a file cannot be used.

    Examples, one a line:

    - `govflow policy diff policy.yaml candidate.yaml`
    - `git show origin/main:policy.yaml > old.yaml; govflow policy diff old.yaml policy.yaml --format md`

    Args:
        old: the policy before.
        new: the policy after.
        format: text for people, md for a pull request, json for programs.
    """
    from govflow.cli.output import progress, write, write_json
    from govflow.cli.policy.chosen import document_of
    from govflow.ir.vocabulary import Vocabulary
    from govflow.policy.analysis.compare import compare
    from govflow.services.describe.policy_difference import difference_json, difference_markdown, difference_text

    with progress("asking both policies"):
        before, after = document_of(old), document_of(new)
        found = compare(before, after, Vocabulary.default())
    if format == "json":
        write_json(difference_json(found))
    elif format == "md":
        write(difference_markdown(found), coloured=False)
    else:
        write(difference_text(found))
    return int(found.changes_effect)
