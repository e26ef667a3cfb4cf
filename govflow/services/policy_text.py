"""A policy document as the text of one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from govflow.errors import PolicyError
from govflow.policy import PolicyDocument
from govflow.services.regular_file import read_regular


def policy_sections(document: PolicyDocument) -> dict[str, Any]:
    """The sections of the file: only what is not said by leaving it out, imported files among the rest."""
    policy = document.policy.model_dump(mode="json", exclude_defaults=True)
    sections = {
        "policy": {("default" if key == "default_effect" else key): held for key, held in policy.items()},
        "attributes": {path: str(kind) for path, kind in document.schema.declared.items()},
        "approvals": document.approvals,
        "principals": document.principals,
        "actions": list(document.actions),
        "providers": list(document.providers),
        "tiers": [dict(rule) for rule in document.tiers],
    }
    return {"version": 1, **{name: held for name, held in sections.items() if held}}


def policy_yaml(document: PolicyDocument) -> str:
    """The same as YAML."""
    return yaml.safe_dump(policy_sections(document), sort_keys=False, allow_unicode=True, width=120)


def read_foreign(path: Path) -> str:
    """The text of a file in which policies are written otherwise.

    Raises:
        PolicyError: it cannot be read.
    """
    try:
        return read_regular(path)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"{path}: the file cannot be read: {error}.", mend="Give a file of UTF-8 text.", details={"file": str(path)}
        ) from None
