"""``govflow policy fmt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def fmt(
    *files: Path,
    check: Annotated[bool, Parameter(negative="")] = False,
    diff: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Write policy files in one layout: order of sections and fields, indentation, quotes. Comments stay.

    What a file means does not change: its digest is compared before and after, and a file that cannot be read, or would
    mean something else, is left alone. YAML only.

    Example:  govflow policy fmt policy.yaml

    In CI:  govflow policy fmt --check --diff

    Args:
        files: YAML policy files; without any, the configured one and all that it imports.
        check: write nothing; 1 if a file is not in the layout.
        diff: show what changes, and write nothing.
    """
    from govflow.cli.failures import report
    from govflow.cli.output import write
    from govflow.errors import GovflowError
    from govflow.services.format_policy import all_formatted, files_of, write_formatted
    from govflow.settings import load_settings

    failed, changed = False, 0
    for found in all_formatted(files or files_of(load_settings())):
        if isinstance(found, GovflowError):
            failed = True
            report(found)
            continue
        if not found.changes:
            continue
        changed += 1
        if diff:
            write(found.diff())
        if check or diff:
            write(f"{found.path}: not formatted")
            continue
        try:
            write_formatted(found)
        except GovflowError as error:
            failed = True
            report(error)
            continue
        write(f"{found.path}: formatted")
    if failed:
        return 2
    return 1 if check and changed else 0
