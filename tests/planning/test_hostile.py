"""Source that is odd, or meant to be: a plan or an error of ours, soon."""

from __future__ import annotations

import time

import pytest

from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree

HEAD = "import os\nfrom pathlib import Path\nfrom prefect import flow, task\n"
SLOW = 120.0  # seconds; each takes far less than one, and without its mend never ends


def effects(body: str, above: str = "") -> list[str]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f"{HEAD}{above}\n@task\ndef t(p):\n{lines}\n@flow\ndef main(p):\n    t(p)\n"
    start = time.perf_counter()
    plan = plan_flow(MemoryTree({"f.py": source}), "f.py", "main").plan
    assert time.perf_counter() - start < SLOW
    return [effect.action for step in plan.steps for effect in step.effects]


@pytest.mark.parametrize(
    "doubling",
    [
        "x = [*x, *x]",
        "x = x + x",
        "x += x",
        "x.extend(x)",
        "x = (lambda *a: a)(*x, *x)",
    ],
)
def test_a_list_that_is_doubled_forty_times_fills_no_memory(doubling: str) -> None:
    assert effects("x = [os.remove]\n" + f"{doubling}\n" * 40 + "x[0](p)") == ["file:delete"]


@pytest.mark.parametrize("doubling", ["x = {**x, **x, 'b': x}", "x = x | x", "x.update(x)"])
def test_a_dict_that_is_doubled_forty_times_fills_no_memory(doubling: str) -> None:
    assert effects("x = {'a': os.remove}\n" + f"{doubling}\n" * 40 + "x['a'](p)") == ["file:delete"]


def test_a_dict_that_begins_with_another_keeps_its_keys() -> None:
    assert effects("both = {**OPS, 'b': os.rmdir}\nboth['a'](p)", "OPS = {'a': os.remove}\n") == ["file:delete"]


def test_each_class_of_a_wide_diamond_is_looked_at_once() -> None:
    classes = "class A0: pass\nclass B0: pass\n"
    for number in range(1, 40):
        bases = f"A{number - 1}, B{number - 1}"
        classes += f"class A{number}({bases}): pass\nclass B{number}({bases}): pass\n"
    assert effects("A39(1)\nos.remove(p)", classes) == ["file:delete"]


def test_text_that_is_no_text_and_paths_that_lead_nowhere_are_read() -> None:
    assert effects('os.remove("\\ud800x")') == ["file:delete"]
    assert effects("Path(__file__).parent.parent.unlink()\nPath(__file__).parent.unlink()") == ["file:delete"]
