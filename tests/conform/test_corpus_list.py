"""The list of the corpus says what is in its folder."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

FLOWS = Path(__file__).with_name("flows")
ENTRIES: list[dict[str, Any]] = json.loads((FLOWS / "corpus.json").read_text())
FILES = sorted({str(entry["file"]) for entry in ENTRIES})


def names_bound_by(source: str) -> set[str]:
    """Names that the top level of a module defines or assigns."""
    bound = set()
    for statement in ast.parse(source).body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                bound.add(name)
    return bound


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(ENTRIES) >= 50
    assert sum(entry["runs"] for entry in ENTRIES) >= 50


def test_no_flow_is_listed_twice() -> None:
    pairs = [(entry["file"], entry["flow"]) for entry in ENTRIES]
    assert sorted(set(pairs)) == sorted(pairs)


def test_every_single_file_is_listed() -> None:
    assert {path.name for path in FLOWS.glob("*.py")} == {name for name in FILES if "/" not in name}


def test_every_package_is_listed() -> None:
    packages = {path.parent.name for path in FLOWS.glob("*/__init__.py")}
    assert packages == {name.split("/")[0] for name in FILES if "/" in name}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry['file']}:{entry['flow']}")
def test_an_entry_names_a_flow_of_its_file(entry: dict[str, Any]) -> None:
    assert entry["flow"] in names_bound_by((FLOWS / entry["file"]).read_text())
    assert entry["constructs"] == list(dict.fromkeys(entry["constructs"])) != []
    assert entry["about"]
    assert entry["runs"] is not ("reason" in entry), "a reason is given when, and only when, a flow does not run"
