"""Names are taken apart into words."""

from __future__ import annotations

import pytest

from govflow.tiers.words import function_name, parts, words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("drop_table", {"drop", "table"}),
        ("purgeCache", {"purge", "cache"}),
        ("HTTPDelete", {"http", "delete"}),
        ("DELETE_ALL", {"delete", "all"}),
        ("DropTable2", {"drop", "table", "2"}),
        ("backdrop", {"backdrop"}),
        ("dropdown_menu", {"dropdown", "menu"}),
        ("undelete", {"undelete"}),
        ("Nightly purge of logs", {"nightly", "purge", "of", "logs"}),
        ("data:delete", {"data", "delete"}),
        ("Cleaner.drop", {"cleaner", "drop"}),
        ("löschen_purge", {"löschen", "purge"}),
        ("ÄndernDrop", {"ändern", "drop"}),
        ("\uff44\uff52\uff4f\uff50_table", {"drop", "table"}),  # full-width letters, which Python reads as plain ones
        ("", set()),
    ],
)
def test_words(name: str, expected: set[str]) -> None:
    assert words(name) == expected


def test_parts_of_a_resource_keep_their_points() -> None:
    assert parts("odoo://Acme/account.move/5?x={id}") == {"odoo", "acme", "account.move", "5", "x", "{id}"}


def test_the_file_of_a_function_is_not_its_name() -> None:
    assert function_name("drop_tools.py:load") == "load"
    assert function_name("load") == "load"
