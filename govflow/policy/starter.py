"""The starter policy: what enforce mode goes by when no policy file is configured."""

from __future__ import annotations

from functools import cache
from importlib import resources

from govflow.policy.document import PolicyDocument, load_policy

NAME = "starter.yaml"


def starter_text() -> str:
    """The file as it ships, comments included: a place to start one's own from."""
    return resources.files("govflow.policy").joinpath(NAME).read_text(encoding="utf-8")


@cache
def starter() -> PolicyDocument:
    """The starter policy."""
    return load_policy(starter_text(), f"govflow/policy/{NAME}")
