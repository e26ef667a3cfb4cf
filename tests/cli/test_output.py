"""What stands on stderr while a command works, and what JSON holds."""

from __future__ import annotations

import io
import json
import sys
import threading
import time

import pytest

from govflow.cli.output import progress, write_json


class Terminal(io.StringIO):
    """A terminal that says when a line has come."""

    def __init__(self) -> None:
        super().__init__()
        self.said = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        if text.endswith("\n"):
            self.said.set()
        return count


def test_what_is_quick_is_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)  # here: what a fixture sets, the capture sets back
    with progress("reading", after=3600):
        pass
    assert terminal.getvalue() == ""


def test_nothing_is_announced_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", after=0.01):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_what_takes_long_is_announced_once_and_not_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("reading", after=0.01):
        assert terminal.said.wait(120)
        time.sleep(0.1)
    assert terminal.getvalue() == "reading …\n"
    assert capsys.readouterr().out == ""


def test_json_keeps_the_order_of_keys_and_letters(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"b": "名前", "a": 1})
    text = capsys.readouterr().out
    assert json.loads(text) == {"b": "名前", "a": 1}
    assert text.index('"b"') < text.index('"a"')
    assert "名前" in text
