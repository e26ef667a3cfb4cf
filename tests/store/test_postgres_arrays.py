"""Arrays as the server reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govflow.store.postgres_arrays import array, learn_arrays

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
VALUES = {
    "text": TEXTS,
    "bytea": st.binary(max_size=9),
    "bigint": st.integers(-(2**63), 2**63 - 1),
}


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[psycopg.Connection[Any]]:
    """To the server, with arrays known."""
    with psycopg.connect(postgresql_url) as opened:
        learn_arrays(opened)
        yield opened


@pytest.mark.parametrize("kind", sorted(VALUES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_the_server_reads_what_was_given(connection: psycopg.Connection[Any], kind: str, data: st.DataObject) -> None:
    one = st.none() | VALUES[kind]
    values = data.draw(st.lists(one, max_size=8) | st.tuples(one, st.integers(1, 5)).map(lambda two: [two[0]] * two[1]))
    read = connection.execute(f"SELECT %b::{kind}[], array_length(%b::{kind}[], 1)", [array(kind, values)] * 2)
    assert read.fetchone() == (values, len(values) or None)


@pytest.mark.parametrize(
    ("kind", "value", "refused"),
    [("bigint", 2**63, struct.error), ("text", "\ud800", UnicodeEncodeError), ("json", "{}", KeyError)],
)
def test_what_is_no_value_of_its_kind_is_refused(kind: str, value: object, refused: type[Exception]) -> None:
    with pytest.raises(refused):
        array(kind, [value])
