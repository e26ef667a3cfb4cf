"""``govflow policy lint``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def lint(
    policy: Path | None = None,
    /,
    *,
    strict: bool = False,
    format: Literal["text", "json", "github", "junit", "sarif"] = "text",
) -> int:
    """Find rules that never decide, that conflict, that have expired, and others that can hardly be meant.

    A rule is called dead or shadowed only where that is proven. A conflict is told with a request that shows it: pipe
    it into `govflow policy explain POLICY --request -`.

    Exit code 0: clean; notes are reported and do not fail. 1: warnings. 2: the file cannot be used.

    Examples, one a line:

    - `govflow policy lint policy.yaml`
    - `govflow policy lint policy.yaml --strict --format sarif`
    - `govflow explain GF702`

    Args:
        policy: a policy file; without one, the configured policy.
        strict: notes fail too: pairs of rules of which only the priority says which decides.
        format: text for people, json for programs, and those of CI systems.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import progress, write, write_json
    from govflow.cli.policy.chosen import keys_for, policy_file
    from govflow.services.attribute_providers import configured_providers
    from govflow.services.describe.formats import render
    from govflow.services.describe.policy_lint import lint_text
    from govflow.services.lint_policy import lint_policy
    from govflow.settings import load_settings

    with progress("looking at the rules"):
        providers = configured_providers(load_settings()).all
        file = policy_file(policy)
        report = lint_policy(file, datetime.now(UTC), strict=strict, providers=providers, keys=keys_for(file))
    if format == "json":
        write_json(report.to_dict())
    elif format == "text":
        write(lint_text(report))
    else:
        write(render(report.as_check(), format), coloured=False)
    return 0 if report.clean else 1
