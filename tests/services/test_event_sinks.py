"""The sinks of the settings are told of what is written, and whatever they do, the record is there."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from govflow.audit.record import Draft
from govflow.audit.template import Template
from govflow.errors import SettingsError
from govflow.events.signature import is_signed
from govflow.services.doctor import check_sinks
from govflow.services.health import Health
from govflow.services.workspace import Workspace
from govflow.settings import Settings, load_settings
from govflow.sink_settings import SinkSettings
from tests.events.test_webhook import receiving
from tests.services.material import workspace
from tests.store.things import eventually

SECRET = "canary-" + "7" * 40


def draft(event: str = "ir.approval_created", **more: Any) -> Draft:
    return Draft(event, "default", datetime.now(UTC), subject="rita", run_id="run-1", **more)


def place(folder: Path, **sinks: dict[str, Any]) -> Workspace:
    return workspace(database_url=f"sqlite:///{folder}/gov/govflow.db", sinks=sinks)


def told(file: Path) -> list[str]:
    return [json.loads(line)["type"] for line in file.read_text().splitlines()] if file.exists() else []


def test_each_sink_is_told_of_the_published_events_that_begin_as_it_says(tmp_path: Path) -> None:
    every, some = tmp_path / "every.jsonl", tmp_path / "some.jsonl"
    at = place(tmp_path, every={"file": every}, some={"file": some, "events": ("ir.approval_ex", "ir.dag")})
    at.store.append(draft("ir.approval_created"), durable=True)
    at.store.append(draft("ir.dag_diff_ok"), durable=False)
    with at.store._writer.transaction() as transaction:
        transaction.record(draft("ir.approval_expired"))
        transaction.record(draft("run.closed"))  # is no published event
    at.store.fill(Template(draft("step.intent", step_id="s", attempt=1, payload={})), 1, "t")
    expected = ["ir.approval_created", "ir.dag_diff_ok", "ir.approval_expired"]
    assert eventually(lambda: told(every) == expected and told(some) == expected[1:])
    at.close()


def test_no_secret_of_a_record_leaves_through_a_sink(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    at = place(tmp_path, all={"file": file})
    payload = {"resource": "postgresql://u:canary-pw@db/x", "deep": [{"api_key": "canary-key"}], "tier": 2}
    at.store.append(draft(payload=payload), durable=True)
    assert eventually(lambda: len(told(file)) == 1)
    at.close()
    assert "canary" not in file.read_text()
    assert json.loads(file.read_text())["payload"]["tier"] == 2


def test_what_was_rolled_back_is_told_to_nobody(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    at = place(tmp_path, all={"file": file})

    def fail() -> None:
        with at.store._writer.transaction() as transaction:
            transaction.record(draft("ir.approval_expired"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    at.store.append(draft("ir.approval_created"), durable=True)
    assert eventually(lambda: told(file) == ["ir.approval_created"])
    at.close()


def test_a_webhook_is_signed_with_the_secret_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    with receiving(200) as receiver:
        at = place(tmp_path, hook={"webhook": receiver.url, "secret_file": tmp_path / "secret"})
        at.store.append(draft(), durable=True)
        assert eventually(lambda: len(receiver.got) == 1)
        at.close()
    timestamp, signature, body = receiver.got[0]
    assert is_signed(SECRET.encode(), timestamp, signature, body, now=int(timestamp))


def test_a_sink_that_cannot_be_made_or_fails_costs_no_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_sinks.py").write_text("def broken(envelope): raise RuntimeError('theirs')\n")
    file = tmp_path / "events.jsonl"
    with caplog.at_level(logging.WARNING):
        at = place(
            tmp_path,
            hook={"webhook": "https://hooks.example/canary-path", "secret_file": tmp_path / "not-here"},
            gone={"function": "no_such_module:sink"},
            broken={"function": "their_sinks:broken"},
            file={"file": file},
        )
        at.store.append(draft(), durable=True)
        assert eventually(lambda: told(file) == ["ir.approval_created"] and "theirs" in caplog.text)
    assert caplog.text.count("sink.unusable") == 2
    assert "canary-path" not in caplog.text
    assert at.store.head("default").size == 1
    at.close()
    sys.modules.pop("their_sinks", None)


def test_the_doctor_says_which_sink_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short")
    settings = Settings(
        sinks={
            "good": SinkSettings(syslog="udp://127.0.0.1:514"),
            "bad": SinkSettings(webhook=SecretStr("https://hooks.example/x"), secret_file=tmp_path / "short"),
        }
    )
    found = {finding.name: finding for finding in check_sinks(settings)}
    assert (found["sink good"].health, found["sink bad"].health) == (Health.OK, Health.FAIL)
    assert "too short" in found["sink bad"].what


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"file": "a", "syslog": "udp://h:1"},
        {"webhook": "https://h/"},
        {"file": "a", "secret_file": "b"},
        {"syslog": "http://h:1"},
        {"syslog": "udp://h"},
        {"function": "no function"},
        {"file": "a", "events": ()},
        {"file": "a", "colour": "red"},
    ],
)
def test_what_is_no_sink_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SinkSettings(**given)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("udp://127.0.0.1:514", ("udp", "127.0.0.1", 514)),
        ("tcp://[::1]:601", ("tcp", "::1", 601)),
        ("unix:///dev/log", ("unix", "/dev/log", 0)),
    ],
)
def test_syslog_is_written_as_an_address(written: str, parts: tuple[str, str, int]) -> None:
    assert SinkSettings(syslog=written).syslog_parts() == parts


def test_sinks_stand_in_a_file_or_as_json_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = '[tool.govflow.sinks]\nlog = {syslog = "udp://h:514", events = ["ir.dag"]}\n'
    (tmp_path / "pyproject.toml").write_text(table)
    assert load_settings().sinks["log"].events == ("ir.dag",)
    monkeypatch.setenv("GOVFLOW_SINKS", '{"hook": {"webhook": "https://h/canary", "secret_file": "~/s"}}')
    settings = load_settings()
    assert settings.sinks["hook"].secret_file == Path.home() / "s"
    assert "canary" not in repr(settings) and "canary" not in str(settings)
    monkeypatch.setenv("GOVFLOW_SINKS", "[canary")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "canary" not in str(refused.value)


def test_prefects_feed_is_a_sink_where_prefect_is_and_it_is_not_imported_for_that() -> None:
    (found,) = check_sinks(Settings.model_validate({"sinks": {"feed": {"prefect": True}}}))
    if find_spec("prefect") is None:
        assert (found.health, "pip install 'govflow[prefect]'" in (found.mend or "")) == (Health.FAIL, True)
    else:
        assert found.health is Health.OK


@pytest.mark.parametrize(
    "given",
    [{"prefect": False}, {"prefect": True, "file": "x"}, {"prefect": True, "sync": True}, {"sync": True}, {}],
)
def test_what_is_no_kind_of_a_sink_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SinkSettings.model_validate(given)


def test_a_file_whose_folder_is_not_there_is_said(tmp_path: Path) -> None:
    given = {"sinks": {"lost": {"file": tmp_path / "absent" / "events.jsonl"}, "kept": {"file": tmp_path / "e.jsonl"}}}
    lost, kept = check_sinks(Settings.model_validate(given))
    assert (lost.health, kept.health) == (Health.FAIL, Health.OK)
    assert "absent" in lost.what and lost.mend
