"""Records: one event name each, what is bound, no secret, and nothing of the host's logging changed."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow import telemetry
from govflow.settings import Settings
from govflow.telemetry import bound, configure, current, get_logger, is_secret_name, redact, redact_text

CANARY = "gfa_CanaryCanaryCanaryCanaryCanaryCanaryCanary0"


class Stderr:
    """What was written to standard error, which is not a terminal here."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        """Everything so far."""
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Stderr]:
    """Standard error; govflow's logger is as before afterwards."""
    logger = logging.getLogger("govflow")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield Stderr(capsys)
    logger.handlers[:], logger.level, logger.propagate = before


def lines(buffer: Stderr) -> list[dict[str, Any]]:
    """The JSON records written so far."""
    return [json.loads(line) for line in buffer.getvalue().splitlines()]


def test_a_record_off_a_terminal_is_one_json_line(stderr: Stderr) -> None:
    """It has a name, a level, a logger, a UTC time and its fields."""
    configure(Settings())
    get_logger("govflow.governor").info("step.refused", rule="no-prod-writes", tier=3)
    (record,) = lines(stderr)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    assert record == {
        "event": "step.refused",
        "level": "info",
        "logger": "govflow.governor",
        "rule": "no-prod-writes",
        "tier": 3,
    }


def test_run_step_tenant_and_correlation_are_bound(stderr: Stderr) -> None:
    """Everything recorded inside carries them; nothing outside does."""
    configure(Settings())
    log = get_logger("x")
    with bound(run_id="r-1", tenant="acme", correlation="c-1"):
        with bound(step_id="load#1"):
            log.info("step.started")
        log.info("run.ended")
    log.info("outside")
    first, second, third = lines(stderr)
    assert (first["run_id"], first["tenant"], first["correlation"], first["step_id"]) == (
        "r-1",
        "acme",
        "c-1",
        "load#1",
    )
    assert second["run_id"] == "r-1"
    assert "step_id" not in second
    assert "run_id" not in third
    assert current() == {}


def test_concurrent_runs_do_not_share_what_is_bound() -> None:
    """Each coroutine has its own."""

    async def run(name: str) -> str:
        with bound(run_id=name):
            await asyncio.sleep(0)
            return current()["run_id"]

    async def both() -> list[str]:
        return list(await asyncio.gather(run("a"), run("b")))

    assert asyncio.run(both()) == ["a", "b"]


@pytest.mark.covers("S5-58")
def test_free_text_is_not_an_event_name(stderr: Stderr) -> None:
    """A reader can count on ``event``; the text is kept."""
    configure(Settings())
    get_logger("x").warning("Could not do it")
    logging.getLogger("govflow.y").warning("plain %s", "stdlib")
    ours, stdlib = lines(stderr)
    assert (ours["event"], ours["message"]) == ("log.message", "Could not do it")
    assert (stdlib["event"], stdlib["message"], stdlib["logger"]) == ("log.message", "plain stdlib", "govflow.y")


def test_configuring_twice_shows_each_record_once(stderr: Stderr) -> None:
    """Idempotent: the second call replaces the first."""
    configure(Settings())
    configure(Settings(debug=True))
    get_logger("x").debug("once")
    assert [record["event"] for record in lines(stderr)] == ["once"]


@pytest.mark.covers("S5-58")
def test_the_hosts_logging_is_left_alone(stderr: Stderr) -> None:
    """Root handlers and level, and structlog's own configuration, are the host program's."""
    import structlog

    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.is_configured())
    configure(Settings())
    get_logger("x").info("event")
    assert (root.handlers[:], root.level, structlog.is_configured()) == before


def test_a_console_line_names_the_event(stderr: Stderr) -> None:
    """For people: no JSON, no colour codes off a terminal."""
    configure(Settings(log_format="console"))
    get_logger("x").info("run.started", flow="etl")
    text = stderr.getvalue()
    assert "run.started" in text
    assert "flow=etl" in text
    assert "\x1b" not in text


def test_an_exception_is_shown_without_its_secrets(stderr: Stderr) -> None:
    """Tracebacks quote messages, and messages quote URLs."""
    configure(Settings())
    try:
        raise RuntimeError("cannot connect to postgresql://gov:canary-pw@db/gov")
    except RuntimeError:
        get_logger("x").exception("store.failed")
    (record,) = lines(stderr)
    assert "RuntimeError: cannot connect to postgresql://gov:***@db/gov" in record["exception"]
    assert "canary-pw" not in stderr.getvalue()


def test_a_foreign_handler_gets_the_redacted_record(stderr: Stderr) -> None:
    """Redaction happens before any handler: Prefect's API handler would send the record to the server."""
    seen: list[logging.LogRecord] = []

    class Foreign(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    logging.getLogger("govflow").addHandler(Foreign())
    configure(Settings())
    get_logger("x").info("approval.minted", token=CANARY, note=f"use {CANARY}", percent="100%")
    text = seen[0].getMessage()
    assert text.startswith("approval.minted token=*** ")
    assert "percent=100%" in text
    assert CANARY not in f"{text} {seen[0].__dict__} {stderr.getvalue()}"


@pytest.mark.parametrize(
    "text",
    [
        f"token {CANARY}",
        "postgresql://gov:canary@db/x",
        "https://canary@example.org/x",
        "https://example.org/?api_key=canary&x=1",
        "Authorization: Bearer canary.canary",
        "password=canary",
        'db_password = "canary with spaces"',
        "{'client_secret': 'canary'}",
        '{"apiKey": "canary"}',
    ],
)
def test_a_canary_in_text_is_masked(text: str) -> None:
    """Wherever it stands."""
    assert "canary" not in redact_text(text).lower()
    assert "***" in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "sha256:" + "ab" * 32,
        "sqlite:////home/alice/.govflow/govflow.db",
        "http://127.0.0.1:4200/runs/flow-run/1",
        "alice approved load#1",
        "secret://api-token is read",
        "the token is unknown",
    ],
)
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    """A digest is not a key: over-wide patterns make a log useless."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWORD", "apiKey", "api_key", "X-Auth-Token", "client_secret", "TOKEN"]
)
def test_a_secret_name_is_known(name: str) -> None:
    """In every way that people write names."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["passport", "tokenizer", "step_key", "secretary", "keyboard", "rule"])
def test_a_harmless_name_is_kept(name: str) -> None:
    """Words, not parts of words."""
    assert not is_secret_name(name)


def test_nested_values_are_redacted() -> None:
    """In mappings, lists and objects; numbers and digests stay."""

    class Session:
        def __str__(self) -> str:
            return "Session(postgresql://gov:canary@db/x)"

    value = {"a": [{"password": "canary"}, ("x", Session())], "n": 3, "none": None, "token": None}
    result = redact(value)
    assert "canary" not in str(result)
    assert result == {
        "a": [{"password": "***"}, ["x", "Session(postgresql://gov:***@db/x)"]],
        "n": 3,
        "none": None,
        "token": None,
    }


def test_a_value_that_holds_itself_ends() -> None:
    """Depth is bounded."""
    loop: list[Any] = []
    loop.append(loop)
    assert "…" in str(redact(loop))


@pytest.mark.parametrize("text", ["a" * 100_000, "a." * 50_000, "a://b:" * 10_000, "token" * 20_000, "'" * 50_000])
def test_a_long_line_costs_linear_time(text: str) -> None:
    """A hostile value must not stop the run that logs it."""
    began = time.process_time()
    redact_text(text)
    assert time.process_time() - began < 120, "a quadratic one takes far longer; this one takes milliseconds"


def test_before_configure_a_library_user_sees_no_info() -> None:
    """Importing govflow in somebody's program is silent."""
    code = "from govflow.telemetry import get_logger; get_logger('x').info('run.started', password='canary')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@given(st.lists(st.sampled_from([*"@=:/?&;a", "gfa_abcd", "token", "api_key", "Basic x", "bEARER abcdef", "://"])))
def test_the_first_look_misses_nothing_that_a_rule_would_mask(pieces: list[str]) -> None:
    text = "".join(pieces)
    masked = text
    for pattern, replacement in telemetry._TEXT_RULES:
        masked = pattern.sub(replacement, masked)
    assert redact_text(text) == masked


@pytest.mark.parametrize("prefix", ["gfa_", "gfl_", "gfs_", "gfk_"])
def test_every_secret_of_ours_is_masked_wherever_it_stands(prefix: str) -> None:
    secret = prefix + "CanaryCanaryCanaryCanaryCanaryCanaryCanary0"
    for text in (secret, f"GET /sign-in/link/{secret} 200", f"ключ {secret}", f"x{secret}", f"Bearer {secret}"):
        assert "Canary" not in redact_text(text)
