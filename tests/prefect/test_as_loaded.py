"""Code that pytest rewrote is still the code of its file."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from govflow.planning.code import code_digest, compiled_functions
from govflow.prefect.as_loaded import functions_as_loaded

SOURCE = "def checked(x):\n    assert x > 1, 'too small'\n    return x\n"


def digests(codes: tuple[types.CodeType, ...]) -> set[str]:
    return set(map(code_digest, codes))


@pytest.fixture
def rewritten(tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    (tmp_path / "rewritten_flows.py").write_text(SOURCE)
    hook = AssertionRewritingHook(pytestconfig)
    hook.mark_rewrite("rewritten_flows")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [hook, *sys.meta_path])
    monkeypatch.delitem(sys.modules, "rewritten_flows", raising=False)
    return importlib.import_module("rewritten_flows")


def test_what_pytest_made_of_an_assert_is_known(rewritten: types.ModuleType) -> None:
    path = str(rewritten.__file__)
    loaded = code_digest(rewritten.checked.__code__)
    assert loaded not in digests(compiled_functions(SOURCE, path)["checked"]), "pytest left it as it was"
    assert loaded in digests(functions_as_loaded(path)["checked"])


def test_another_body_is_not(rewritten: types.ModuleType) -> None:
    path = Path(str(rewritten.__file__))
    path.write_text(SOURCE.replace("x > 1", "x > 0"))
    assert code_digest(rewritten.checked.__code__) not in digests(functions_as_loaded(path)["checked"])


def test_a_file_that_pytest_did_not_load_is_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "plain_flows.py").write_text(SOURCE)
    assert len(functions_as_loaded(tmp_path / "plain_flows.py")["checked"]) == 1
