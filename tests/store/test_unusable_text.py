"""A text that a database cannot hold is the giver's to mend, and no failure of the database."""

from __future__ import annotations

import pytest

from govflow.errors import UnusableText
from govflow.store import Store


def test_a_nul_is_told_as_what_it_is(postgresql_url: str) -> None:
    with Store.open(postgresql_url) as store, pytest.raises(UnusableText, match="NUL"):
        store.approvals.get("req-\x00")


def test_where_it_can_be_held_nothing_is_found_by_it(sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, pytest.raises(Exception, match="no approval request"):
        store.approvals.get("req-\x00")
