"""The digest of a body follows what the body reads."""

from __future__ import annotations

import textwrap

import pytest

from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree

MAIN = """
from prefect import flow, task
import settings
from lib.sql import QUERY, build as make
from lib import shared

LIMIT = 10
RULES = {"a": 1}
RULES["b"] = LIMIT

def clean(rows):
    return strip(rows, RULES)

def strip(rows, rules):
    return shared.trim(rows)

class Sink:
    size = 3
    def put(self, row):
        return clean(row)

def factory(width):
    def inner(x):
        return x * width
    return inner

widen = factory(4)

@task
def load(n):
    return make(QUERY, settings.HOST), Sink(), widen(n)

@task
def other(n):
    from lib.late import now
    return now(), load

@flow
def main(n):
    load(n)
    other(n)
"""
FILES = {
    "settings.py": "HOST = 'db1'\nUNUSED = 1\n",
    "lib/__init__.py": "",
    "lib/sql.py": "QUERY = 'select 1'\ndef build(query, host):\n    return query\ndef unread():\n    return 1\n",
    "lib/shared.py": "import re\nPATTERN = re.compile('x')\ndef trim(rows):\n    return PATTERN.sub('', rows)\n",
    "lib/late.py": "def now():\n    return 1\n",
}


def codes(main: str = MAIN, **changed: str) -> dict[str, str]:
    files = {**FILES, "f.py": textwrap.dedent(main)}
    files.update({name.replace("__", "/") + ".py": text for name, text in changed.items()})
    plan = plan_flow(MemoryTree(files), "f.py").plan
    return {step.callee: step.code for step in plan.steps}


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("f", "LIMIT = 10", "LIMIT = 11"),
        ("f", 'RULES["b"]', 'RULES["c"]'),
        ("f", "size = 3", "size = 4"),
        ("f", "factory(4)", "factory(5)"),
        ("f", "x * width", "x + width"),
        ("f", "trim(rows)", "trim(rows, 1)"),
        ("settings", "'db1'", "'db2'"),
        ("lib__sql", "select 1", "delete"),
        ("lib__sql", "return query", "return host"),
        ("lib__shared", "compile('x')", "compile('y')"),
        ("lib__shared", "import re\n", "import re2 as re\n"),
    ],
)
def test_what_the_body_reads_changes_its_digest(file: str, before: str, after: str) -> None:
    text = MAIN if file == "f" else FILES[file.replace("__", "/") + ".py"]
    assert before in text
    changed = text.replace(before, after)
    now = codes(changed) if file == "f" else codes(**{file: changed})
    assert now["load"] != codes()["load"]
    assert now["other"] == codes()["other"]  # a task that it names is a step with a digest of its own
    # The flow's body answers for what stores or calls at import: it may change what any body reads.
    at_import = before in ("LIMIT = 10", 'RULES["b"]', "factory(4)", "x * width")
    assert (now["main"] != codes()["main"]) == at_import


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("settings", "UNUSED = 1", "UNUSED = 2"),
        ("lib__sql", "return 1", "return 2"),
        ("lib__sql", "def build", "# why\ndef build"),
    ],
)
def test_what_the_body_does_not_read_does_not(file: str, before: str, after: str) -> None:
    text = FILES[file.replace("__", "/") + ".py"]
    assert before in text
    assert codes(**{file: text.replace(before, after)}) == codes()


def test_an_import_inside_the_body_is_followed() -> None:
    now = codes(lib__late="def now():\n    return 2\n")
    assert now["other"] != codes()["other"]
    assert now["load"] == codes()["load"]


def test_star_imports_and_reexports_are_followed() -> None:
    starred = MAIN.replace("from lib.sql import QUERY, build as make", "from lib.all import *\nmake = build")
    one = codes(starred, lib__all="from lib.sql import *\n")
    sql = FILES["lib/sql.py"].replace("return query", "return host")
    assert one["load"] != codes(starred, lib__all="from lib.sql import *\n", lib__sql=sql)["load"]
    circle = codes(starred, lib__all="from lib.sql import *\nfrom lib.all import *\n")
    assert circle["load"] == one["load"]


def test_other_decorators_of_a_task_count() -> None:
    retried = MAIN.replace("@task\ndef load", "@task\n@retry(3)\ndef load")
    assert codes(retried)["load"] != codes()["load"]
    assert codes(retried)["load"] != codes(retried.replace("retry(3)", "retry(4)"))["load"]
    assert codes(MAIN.replace("@task\ndef load", "@task(description='x')\ndef load"))["load"] == codes()["load"]


def test_a_helper_may_move_to_another_file() -> None:
    moved = MAIN.replace("def strip(rows, rules):\n    return shared.trim(rows)\n", "from parts import strip\n")
    now = codes(moved, parts="from lib import shared\ndef strip(rows, rules):\n    return shared.trim(rows)\n")
    assert now == codes()


def test_the_body_of_a_task_that_is_called_past_the_engine_counts_for_the_caller() -> None:
    direct = MAIN.replace("    other(n)\n", "    other.fn(n)\n")
    assert codes(direct)["main"] != codes(direct.replace("return now(), load", "return now()"))["main"]
    assert codes()["main"] == codes(MAIN.replace("return now(), load", "return now()"))["main"]


def test_helpers_that_call_each_other_end() -> None:
    source = (
        "from prefect import flow\ndef a(n):\n    return b(n)\ndef b(n):\n    return a(n)\n"
        "@flow\ndef main():\n    a(1)\n"
    )
    assert codes(source)["main"] == codes(source)["main"]
    assert codes(source)["main"] != codes(source.replace("return b(n)", "return b(n + 1)"))["main"]
