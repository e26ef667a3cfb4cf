"""The README does what it says: its files are written, its commands run, and they print what it prints.

A fenced block whose info string is ``python NAME`` or ``yaml NAME`` is a file. A ``console`` block is a list of
commands, each after ``$``, followed by what it prints; ``…`` stands for any text, over any number of lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """Every file that the README shows, by its name."""
    found: dict[str, str] = {}
    for block in FENCE.finditer(README):
        kind, _, name = block["info"].partition(" ")
        if kind in {"python", "yaml"} and name:
            found[name] = block["text"]
    return found


def commands() -> Iterator[tuple[str, str]]:
    """Every command that the README shows, with what it says that it prints."""
    for block in FENCE.finditer(README):
        if block["info"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                yield command, printed


def matches(printed: str, said: str) -> bool:
    """Whether text is what the README says, where ``…`` is anything."""
    pattern = re.escape(said.strip()).replace("…", ".*")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def test_the_readme_shows_a_file_and_commands() -> None:
    assert files()
    assert list(commands())


def test_every_command_prints_what_the_readme_says(tmp_path: Path) -> None:
    for name, text in files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOVFLOW_", "PREFECT_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["GOVFLOW_DATABASE_URL"] = f"sqlite:///{tmp_path}/govflow.db"
    for command, said in commands():
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert matches(done.stdout + done.stderr, said), f"$ {command}\n{done.stdout}{done.stderr}"


def test_every_link_of_the_documents_leads_somewhere() -> None:
    broken: list[str] = []
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if "://" not in target and not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert not broken


@pytest.mark.parametrize("printed", ["a\nb\nc", "a\nc"])
def test_dots_stand_for_what_varies(printed: str) -> None:
    assert matches(printed, "a\n…c")
    assert not matches(printed, "a\n…d")
