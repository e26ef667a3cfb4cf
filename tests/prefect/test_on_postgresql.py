"""The life of a governed run with its database on a PostgreSQL server: tests of other files, on another `home`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from govflow.audit.verify import Outcome
from govflow.prefect.runtime import RUNTIME
from govflow.store import Store
from tests.prefect import test_many_processes_wait as many
from tests.prefect.conftest import POLICY, Home, open_home
from tests.prefect.people import Background, pending, until, vote

# What is collected here runs with the `home` below.
from tests.prefect.test_approval import (  # noqa: F401
    SOURCE,
    client,
    marker,
    store,
    test_a_denial_ends_the_run_in_a_state_that_names_person_and_reason,
    test_mapped_tasks_queue_at_the_gate_and_each_is_asked_for,
    test_requesters_own_approval_is_refused,
    test_the_resume_form_with_a_token_lets_it_run_and_the_token_is_gone,
)
from tests.prefect.test_what_an_approval_covers import (  # noqa: F401
    place,
    test_a_run_whose_process_was_killed_while_it_waits_is_found_and_goes_on_under_the_answer_it_was_given,
    test_killed_between_exercise_and_outcome_is_uncertain,
    test_of_two_processes_that_hold_one_run_one_runs_the_step,
)
from tests.prefect.test_workers_write_one_log import test_the_workers_of_a_pool_write_one_log, told  # noqa: F401
from tests.servers import a_database, url_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A project folder whose database is on a server; records wait in the folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_database() as name, open_home(tmp_path, monkeypatch, url_of(name)) as home:
        yield home


def test_steps_that_wait_in_several_processes(
    home: Home, prefect_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as opened:
        run = Background(home.load(many.SOURCE).spread, str(tmp_path / "marker"))
        for request in pending(opened, 3):
            vote(opened, request, "bob")
        assert len(run.join()) == 3
        assert opened.verify("default").outcome is Outcome.VERIFIED


def test_a_run_that_waits_outlives_a_restart_of_the_server(home: Home, store: Store, marker: Path) -> None:  # noqa: F811
    """Every connection of every process ends, and the run goes on as if nothing had been."""
    run = Background(home.load(SOURCE).clean, str(marker))
    (request,) = pending(store)
    with closing(psycopg.connect(home.database_url, autocommit=True)) as owner:
        for _ in range(3):
            owner.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    vote(store, request, "bob")
    assert run.join() == "purged"
    until(lambda: store.approvals.outcome_of(request.request_id) == "succeeded", "the end is on record")
    assert store.verify("default").outcome is Outcome.VERIFIED


def test_a_server_that_is_gone_lets_no_risky_body_run(home: Home, marker: Path) -> None:  # noqa: F811
    home.configure(policy=POLICY, mode="enforce")
    flow = home.load(SOURCE).clean
    home.configure(database_url="postgresql://postgres@127.0.0.1:1/nowhere")
    with pytest.raises(Exception, match="Is the server up"):
        flow(str(marker))
    assert not marker.exists()


def test_the_commands_read_it_too(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    from govflow.cli.app import main

    home.configure(policy=POLICY, mode="enforce")
    main(["audit", "verify"])
    assert "has no tables of govflow" in capsys.readouterr().err
    main(["doctor"])
    assert "has no tables of govflow yet" in capsys.readouterr().out
    home.load("from govflow.prefect import flow\n\n@flow\ndef nothing() -> int:\n    return 1\n").nothing()
    RUNTIME.reload()
    with home.store() as opened:
        assert opened.head("default").size > 0
    assert main(["audit", "verify"]) in (0, None)
    assert "verified" in capsys.readouterr().out
    main(["doctor"])
    assert "opens; its schema is current" in capsys.readouterr().out
