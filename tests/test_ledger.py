"""The table of features and the markers of the tests say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ledger


@pytest.fixture
def rows() -> list[ledger.Row]:
    return ledger.read_table(ledger.TABLE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def marks() -> dict[str, set[str]]:
    return ledger.marked()


def test_every_marker_names_a_feature_of_the_table(rows: list[ledger.Row], marks: dict[str, set[str]]) -> None:
    known = {row.id for row in rows}
    unknown = {feature: tests for feature, tests in marks.items() if feature not in known}
    assert not unknown


def test_the_table_names_exactly_the_marked_tests(rows: list[ledger.Row], marks: dict[str, set[str]]) -> None:
    said = {row.id: set(row.tests) for row in rows if row.tests}
    assert said == marks, "run: python -m tests.ledger"


def test_the_table_survives_writing_and_reading(rows: list[ledger.Row]) -> None:
    assert len(rows) > 300
    assert ledger.read_table(ledger.write_table(rows)) == rows


def test_markers_are_read_from_functions_and_classes(tmp_path: Path) -> None:
    room = tmp_path / "tests" / "ir"
    room.mkdir(parents=True)
    (room / "test_sample.py").write_text(
        "import pytest\n"
        '@pytest.mark.covers("A-1", "A-2")\n'
        "async def test_one(): ...\n"
        '@pytest.mark.covers("A-1")\n'
        "class TestMany:\n"
        "    def test_two(self): ...\n"
        "    def helper(self): ...\n"
        '@pytest.mark.skipif(True, reason="A-3")\n'
        "def test_unmarked(): ...\n"
    )
    assert ledger.marked(tmp_path / "tests") == {
        "A-1": {"tests/ir/test_sample.py::test_one", "tests/ir/test_sample.py::TestMany::test_two"},
        "A-2": {"tests/ir/test_sample.py::test_one"},
    }


def test_a_feature_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="A-1"):
        ledger.read_table("id\tfeature\ttests\nA-1\tone\t\nA-1\ttwo\t\n")
