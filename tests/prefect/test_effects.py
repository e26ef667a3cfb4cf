"""What undeclared code was found to do is what is decided, asked and refused while it runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from govflow.errors import Denied
from tests.prefect.conftest import POLICY, Home
from tests.prefect.people import Background, pending, vote

SOURCE = """
import sqlite3
from pathlib import Path
from prefect import get_run_logger
from govflow.prefect import flow, task

def query(database, sql):
    with sqlite3.connect(database) as connection:
        return connection.execute(sql).fetchall()

@task
def count(database):
    return query(database, "SELECT count(*) FROM orders")[0][0]

@task
def tidy(database, day="2024-01-01"):
    query(database, f"DELETE FROM orders WHERE day < '{day}'")
    return "tidied"

@flow
def nightly(database):
    before = count(database)
    tidy(database)
    return before

@flow
def note(path):
    Path(path).unlink()
    return "gone"
"""

NO_DELETES = """\
version: 1
policy:
  name: test
  rules:
    - {name: no-deletes, effect: deny, actions: ["data:delete"], resources: ["dataset://orders"]}
    - {name: allow-the-rest, effect: allow}
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "orders.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE orders (day TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?)", [("2023-12-31",), ("2024-01-02",)])
    return file


def rows(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        found: int = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
    return found


def test_an_undeclared_delete_waits_for_a_person_and_a_read_does_not(home: Home, database: Path) -> None:
    home.configure(policy=POLICY, mode="enforce")
    run = Background(home.load(SOURCE).nightly, str(database))
    with home.store() as store:
        (request,) = pending(store)
        assert request.binding.step_id == "nightly/tidy#1"
        assert "tidy does data:delete on dataset://orders: tier 3" in request.reason
        assert request.summary["effects"] == ["data:delete sqlite dataset://orders"]
        assert rows(database) == 2
        vote(store, request, "bob")
    assert run.join() == 2
    assert rows(database) == 1


def test_a_rule_about_a_table_refuses_the_run_before_its_first_line(home: Home, database: Path) -> None:
    home.configure(policy=NO_DELETES, mode="enforce")
    with pytest.raises(Denied, match=r"no-deletes.*data:delete on dataset://orders"):
        home.load(SOURCE).nightly(str(database))
    assert rows(database) == 2


def test_what_the_flow_itself_does_needs_its_approval_before_the_first_line(home: Home, tmp_path: Path) -> None:
    home.configure(policy=POLICY, mode="enforce")
    file = tmp_path / "file"
    file.write_text("x")
    run = Background(home.load(SOURCE).note, str(file))
    with home.store() as store:
        (request,) = pending(store)
        assert request.binding.step_id == "note" and file.exists()
        vote(store, request, "bob", "deny")
    with pytest.raises(Exception, match="Denied by bob"):
        run.join()
    assert file.exists()


def test_observe_mode_records_what_would_have_been_asked_and_stops_nothing(home: Home, database: Path) -> None:
    home.configure(policy=POLICY, mode="observe")
    assert home.load(SOURCE).nightly(str(database)) == 2
    assert rows(database) == 1
    stops = [event["payload"] for event in home.events() if event["event"] == "step.refused"]
    assert [(stop["callee"], stop["stopped"]) for stop in stops] == [("tidy", False)]
