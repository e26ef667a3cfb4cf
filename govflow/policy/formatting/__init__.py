"""One layout for policy files: order of sections and fields, indentation, quotes. Meaning and comments stay.

    text = format_policy(text, where="policy.yaml")

PyYAML drops comments, and libraries that keep them tie each to what stands before it, so that a moved field leaves its
comment behind. So the text between the parser's events is read here for comments, each is tied to the entry that it is
about, and the whole is printed anew. What is printed is read again and compared before anybody gets it.
"""

from __future__ import annotations

from typing import Final

from govflow.errors import PolicyError
from govflow.policy.formatting.order import ordered
from govflow.policy.formatting.printer import printed
from govflow.policy.formatting.tree import comments_of, tree_of
from govflow.policy.yaml_reader import read_yaml

WIDTH: Final = 120
"""Columns that a list or mapping in brackets may take; what is longer gets a line for each entry."""


def format_policy(text: str, where: str) -> str:
    """The same policy in the one layout; what is formatted already comes back as it is.

    Args:
        text: YAML, as :mod:`govflow.policy.yaml_reader` takes it.
        where: how messages name the file.

    Raises:
        PolicyError: it is no such YAML, or cannot be formatted without changing what it says.
    """
    if where.lower().endswith(".toml"):
        raise PolicyError(
            f"{where}: only YAML policy files are formatted.",
            mend="For TOML there are formatters, such as taplo; the order of sections and fields does not matter.",
            details={"file": where},
        )
    before, places = read_yaml(text, where)
    root = tree_of(text)
    if root is None:
        raise places.error((), "the file is not a mapping", "Start it with 'version: 1'.")
    result = printed(ordered(root), WIDTH)
    after, _ = read_yaml(result, where)
    if not _same(before, after) or comments_of(text) != comments_of(result):
        raise PolicyError(
            f"{where}: it cannot be formatted without changing what it says; it is left as it is.",
            mend="Write values over several lines, and comments between brackets, in a plainer form.",
            details={"file": where},
        )
    return result


def _same(left: object, right: object) -> bool:
    """Equal, and of equal types: ``1`` is not ``true``. The order of keys says nothing, that of lists does."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right
