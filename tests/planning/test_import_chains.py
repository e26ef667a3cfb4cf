"""Many files that import one another: each plan is the one that is read alone, and reading all of them stays cheap."""

from __future__ import annotations

from collections import Counter

import pytest

from govflow.planning.machine import Machine
from govflow.planning.planner import Reader, plan_flow
from govflow.planning.scopes import Scope
from govflow.planning.source import MemoryTree

LINK = """
import os
from prefect import flow, task
from m{next} import h as g
{top}

def h(p):
    os.remove(p)

@task
def t(p):
    g(p)

@flow
def f{own}(p="x"):
    t(p)
"""

TOPS = {
    "nothing": "",
    "constants": 'import logging\n\nLOG = logging.getLogger(__name__)\nTABLE = "orders"',
    "effect": 'os.makedirs("out")',
    "finding": "@task(tags=g())\ndef other(): ...\nother()",
    "outside": 'import requests\nANSWER = requests.post("https://example.com/start")',
    "register": "from registry import STEPS\n\n@task\ndef own(): ...\n\nSTEPS.append(own)",
    "class": "import m{next}\n\nclass Job(m{next}.Base):\n    table = m{next}.NAME",
    "star": "from registry import *",
}
REGISTRY = "STEPS = []\nBase = object\n"


def chain(files: int, tops: dict[int, str], *, ring: bool = True) -> dict[str, str]:
    """Files of which each imports the next; the last imports the first, or a module that is not Python."""
    tree = {"registry.py": REGISTRY}
    for own in range(files):
        following = own + 1 if own + 1 < files else 0 if ring else "_broken"
        top = tops.get(own, "").format(next=following)
        tree[f"m{own}.py"] = LINK.format(next=following, own=own, top=top)
    return {**tree, "m_broken.py": "def (:\n"}


@pytest.mark.parametrize("ring", [True, False])
@pytest.mark.parametrize("kind", TOPS)
def test_a_chain_is_read_with_others_as_alone(kind: str, ring: bool) -> None:
    files = chain(7, dict.fromkeys((1, 4, 5), TOPS[kind]), ring=ring)
    tree = MemoryTree(files)
    paths = [path for path in files if path.startswith("m") and path != "m_broken.py"]
    alone = {path: plan_flow(tree, path) for path in paths}

    for order in (paths, paths[::-1], paths[3:] + paths[:3]):
        reader = Reader(tree)
        assert {path: reader.plan(path) for path in order} == {path: alone[path] for path in order}


def test_what_a_far_module_does_at_import_is_in_every_plan() -> None:
    reader = Reader(MemoryTree(chain(9, {6: TOPS["effect"]})))

    for own in range(9):
        findings = reader.plan(f"m{own}.py").plan.findings
        assert [(item.code, item.file) for item in findings] == [("effect-at-import", "m6.py")]


@pytest.mark.parametrize("kind", ["nothing", "constants"])
def test_the_top_levels_read_grow_with_the_files_and_not_with_their_square(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    plain = Machine.module_scope

    def counting(self: Machine, path: str) -> Scope:
        read[path] += path not in self._scopes
        return plain(self, path)

    monkeypatch.setattr(Machine, "module_scope", counting)
    tree = MemoryTree(chain(60, dict.fromkeys(range(60), TOPS[kind])))
    reader = Reader(tree)
    for own in range(60):
        reader.plan(f"m{own}.py")

    assert len(read) == 60
    assert sum(read.values()) <= 60 * 4
