"""What stands on stderr while a command works, and what JSON holds."""

from __future__ import annotations

import json
import time

import pytest

from govflow.cli.output import progress, write_json


def test_what_is_quick_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading"):
        pass
    assert capsys.readouterr().err == ""


def test_what_takes_long_is_announced_once_and_not_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", after=0.01):
        time.sleep(0.2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "reading …\n")


def test_json_keeps_the_order_of_keys_and_letters(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"b": "名前", "a": 1})
    text = capsys.readouterr().out
    assert json.loads(text) == {"b": "名前", "a": 1}
    assert text.index('"b"') < text.index('"a"')
    assert "名前" in text
