"""Edits that change what a flow does, by ways that no name in a body shows, change the plan's hash."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from govflow.ir.hashing import plan_hash
from govflow.ir.models import Plan
from govflow.planning.planner import plan_flow
from govflow.planning.source import MemoryTree
from tests.planning.reading import NO_FILES

HEAD = "from prefect import flow, task\nfrom pydantic import BaseModel, field_validator, BeforeValidator\n"
READS = "@task\ndef t(x=0):\n    return {0}\n@flow\ndef f():\n    return t()\n"
TAKES = "@task\ndef t(x):\n    return x\n@flow\ndef f(p: {0}):\n    return t(p)\n"


def planned(text: str, files: Mapping[str, str], word: str) -> Plan:
    tree = {"m.py": HEAD + text.replace("@@", word), **{name: item.replace("@@", word) for name, item in files.items()}}
    return plan_flow(MemoryTree(tree), "m.py", "f").plan


def assert_seen(text: str, files: Mapping[str, str] = NO_FILES, words: tuple[str, str] = ("SAFE", "EVIL")) -> None:
    one, other = (plan_hash(planned(text, files, word)) for word in words)
    assert one == plan_hash(planned(text, files, words[0]))
    assert one != other


@pytest.mark.parametrize(
    "text",
    [
        "class P(BaseModel):\n    table: str = '@@'\n" + TAKES.format("P"),
        "class P(BaseModel):\n    table: str = '@@'\n" + TAKES.format("'P'"),
        "class P(BaseModel):\n    table: str = '@@'\n" + TAKES.format("list[P] | None"),
        "class B(BaseModel):\n    table: str = '@@'\nclass P(B): ...\n" + TAKES.format("P"),
        "class B(BaseModel):\n    table: str = '@@'\nclass P(BaseModel):\n    b: B\n" + TAKES.format("P"),
        "class P(BaseModel):\n    k: str\n    @field_validator('k')\n    def v(cls, x):\n        return '@@'\n"
        + TAKES.format("P"),
        "from typing import Annotated\ndef v(x):\n    return '@@'\n"
        + TAKES.format("Annotated[str, BeforeValidator(v)]"),
        "from typing import Annotated\ndef v(x):\n    return '@@'\nP = Annotated[str, BeforeValidator(v)]\n"
        + TAKES.format("P"),
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    table: str = '@@'\n" + TAKES.format("P"),
        "from models import P\n" + TAKES.format("P"),
    ],
)
def test_what_the_annotations_of_parameters_name(text: str) -> None:
    assert_seen(text, {"models.py": "class P:\n    k = '@@'\n"})


def test_the_type_of_a_field_and_the_decorator_of_a_class() -> None:
    assert_seen("class P(BaseModel):\n    k: @@\n" + TAKES.format("P"), words=("int", "str"))
    frozen = "from dataclasses import dataclass\n@dataclass(frozen=@@)\nclass P:\n    k: int\n"
    assert_seen(frozen + TAKES.format("P"), words=("True", "False"))


def test_an_annotation_that_names_nothing_of_the_repository_is_noise_in_a_task() -> None:
    plain = "@task\ndef t(x):\n    return x\n@flow\ndef f():\n    return t(1)\n"
    annotated = plain.replace("t(x):", "t(x: int | None) -> str:")
    assert plan_hash(planned(plain, {}, "")) == plan_hash(planned(annotated, {}, ""))


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("def d(k):\n    def w(fn):\n        return lambda *a: k\n    return w\n@d('@@')\ndef h(): ...\n", "h()"),
        ("R = {}\ndef reg(fn):\n    R[1] = fn\n    return fn\n@reg\ndef a():\n    return '@@'\n", "R[1]()"),
        ("(K := '@@')\n", "K"),
        ("K = 1\ndef init():\n    global K\n    K = '@@'\ninit()\n", "K"),
        ("class Q:\n    k = 1\nsetattr(Q, 'k', '@@')\n", "Q.k"),
        ("globals()['K'] = '@@'\n", "K"),
        ("K = {}\nX = K\nX['a'] = '@@'\n", "K"),
        ("K = []\nX = K\nfor n in ['@@']:\n    X.append(n)\n", "K"),
        ("K = []\nX = K\nX += ['@@']\n", "K"),
        ("import cfg, patcher\n", "cfg.K"),
        ("import cfg\nimport package.deep.patcher\n", "cfg.K"),
        ("import cfg\nfrom package import first\n", "cfg.K"),
        ("import cfg\ntry:\n    import patcher\nexcept ImportError:\n    pass\n", "cfg.K"),
        ("import cfg\nimport importlib\nimportlib.import_module('patcher')\n", "cfg.K"),
        ("import importlib\nc = importlib.import_module('values')\n", "c.K"),
        ("import importlib\n", "importlib.import_module('values').K"),
        ("", "__import__('values').K"),
        ("import values\n", "getattr(values, 'K')"),
        ("import values\n", "getattr(values, x)"),
        ("import values as v\nimport cfg\n", "read(v)"),
        ("K = '@@'\n", "globals()['K']"),
        ("import sys\nK = '@@'\n", "getattr(sys.modules[__name__], 'K')"),
        ("import made\n", "made.anything"),
        (
            "class B: ...\nclass E(B):\n    def go(self):\n        return '@@'\n",
            "[c().go() for c in B.__subclasses__()]",
        ),
    ],
)
def test_what_a_body_reads_without_naming_it(text: str, reads: str) -> None:
    patch = "import cfg\ncfg.K = '@@'\n"
    files = {
        "cfg.py": "K = 1\n",
        "values.py": "K = '@@'\n",
        "patcher.py": patch,
        "made.py": "def __getattr__(name):\n    return '@@'\n",
        "package/__init__.py": "",
        "package/first.py": patch,
        "package/deep/__init__.py": patch,
        "package/deep/patcher.py": "",
    }
    assert_seen(text + READS.format(reads), files)


@pytest.mark.parametrize(
    "text",
    [
        "import logging\nlog = logging.getLogger('@@')\n",
        "from pathlib import Path\nUNREAD = Path(__file__).parent / '@@'\n",
        "UNREAD = '@@'\n",
        "def unread():\n    return '@@'\n",
        "if __name__ == '__main__':\n    print('@@')\n",
    ],
)
def test_what_no_body_reads_and_changes_nothing_is_noise(text: str) -> None:
    one, other = (plan_hash(planned(text + READS.format("x"), {}, word)) for word in ("a", "b"))
    assert one == other


@pytest.mark.parametrize(
    ("of", "option", "one", "other"),
    [
        ("task", "cache_policy=@@", "None", "INPUTS"),
        ("task", "cache_policy=POLICY", "1", "2"),
        ("task", "refresh_cache=@@", "True", "False"),
        ("task", "persist_result=@@", "True", "False"),
        ("task", "result_storage_key='@@'", "a", "b"),
        ("task", "timeout_seconds=@@", "1", "99"),
        ("task", "retry_delay_seconds=@@", "1", "99"),
        ("task", "**OPTIONS", "1", "99"),
        ("flow", "timeout_seconds=@@", "1", "99"),
        ("flow", "persist_result=@@", "True", "False"),
        ("flow", "validate_parameters=@@", "True", "False"),
        ("flow", "task_runner=@@", "ThreadPoolTaskRunner()", "ProcessPoolTaskRunner()"),
    ],
)
def test_options_that_decide_whether_and_how_a_body_runs(of: str, option: str, one: str, other: str) -> None:
    text = "POLICY = '@@'\nOPTIONS = {'timeout_seconds': '@@'}\n@task(T)\ndef t(): ...\n@flow(F)\ndef f():\n    t()\n"
    text = text.replace("(T)", f"({option})" if of == "task" else "").replace(
        "(F)", f"({option})" if of == "flow" else ""
    )
    assert_seen(text, words=(one, other))
    subflow = text.replace("def f(", "def inner(").replace("@flow", "@flow", 1) + "@flow\ndef f():\n    inner()\n"
    assert_seen(subflow, words=(one, other))


def test_a_description_is_noise() -> None:
    text = "@task(description='@@')\ndef t(): ...\n@flow(description='@@')\ndef f():\n    t()\n"
    assert plan_hash(planned(text, {}, "a")) == plan_hash(planned(text, {}, "b"))


@pytest.mark.parametrize(
    "text",
    [
        "@task\ndef t(x):\n    return x\n@flow\ndef f():\n    '''@@'''\n    t(f.__doc__)\n",
        "def h():\n    '''@@'''\n@task\ndef t():\n    return h.__doc__\n@flow\ndef f():\n    t()\n",
        "import inspect\nclass Q:\n    '''@@'''\n" + READS.format("inspect.getdoc(Q)"),
        "import documented\n" + READS.format("documented.__doc__"),
    ],
)
def test_a_docstring_counts_where_one_is_read(text: str) -> None:
    assert_seen(text, {"documented.py": "'''@@'''\n"})


# files


@pytest.mark.parametrize(
    ("head", "reads"),
    [
        ("", "open('q.sql').read()"),
        ("", "open('q.sql', 'rb').read()"),
        ("import io\n", "io.open('q.sql').read()"),
        ("from pathlib import Path\n", "Path('q.sql').read_text()"),
        ("from pathlib import Path\n", "Path(__file__).with_name('q.sql').read_bytes()"),
        ("from pathlib import Path\n", "(Path(__file__).resolve().parent / 'sql' / 'deep.sql').open().read()"),
        ("import os\n", "open(os.path.join(os.path.dirname(__file__), 'q.sql')).read()"),
        ("from pathlib import Path\nHERE = Path(__file__).parent\nSQL = HERE / 'q.sql'\n", "SQL.read_text()"),
        ("from pathlib import Path\nSQL = Path('q.sql').read_text()\n", "SQL"),
        ("from pathlib import Path\ndef sql():\n    place = Path('q.sql')\n    return place.read_text()\n", "sql()"),
    ],
)
def test_a_file_that_a_body_opens(head: str, reads: str) -> None:
    files = {"q.sql": "select '@@'", "sql/deep.sql": "select '@@'"}
    assert_seen(head + READS.format(reads), files)
    assert not planned(head + READS.format(reads), files, "x").findings


def test_a_file_that_is_not_in_the_repository_is_a_finding() -> None:
    plan = planned(READS.format("open('/data/q.sql').read(), open('gone.sql').read()"), {}, "x")
    assert [item.code for item in plan.findings] == ["file-not-read"] * 2
    assert all(item.file == "m.py" and item.line == 5 for item in plan.findings)
    assert "/data/q.sql is opened and is not a file of the repository" in plan.findings[0].message


@pytest.mark.parametrize("use", ["open('state', 'w')", "open('state', x)", "(open('state'), open('state', 'w'))"])
def test_a_file_that_the_flow_writes_is_no_part_of_the_plan(use: str) -> None:
    one, other = (planned(READS.format(use), {"state": "@@"}, word) for word in ("a", "b"))
    assert plan_hash(one) == plan_hash(other)


# wrappers


WRAPPED = """
import functools
def timed(fn):
    @functools.wraps(fn)
    def w(*args, **kwargs):
        return fn(*args, **kwargs)
    return w
@task
@timed
def first(x):
    return 'first'
@task
@timed
def second(x):
    return '@@'
@flow
def f():
    first(1)
    second(2)
"""


def test_a_decorator_between_task_and_function_hides_neither() -> None:
    assert_seen(WRAPPED)
    found = plan_flow(MemoryTree({"m.py": HEAD + WRAPPED}), "m.py", "f")
    assert {"timed", "timed.<locals>.w", "first", "second"} <= {item.qualname for item in found.functions}
    steps = found.plan.steps[1:]
    assert [step.callee for step in steps] == ["timed.<locals>.w"] * 2
    assert steps[0].code != steps[1].code  # one definition, two closures


def test_a_star_import_from_outside_is_part_of_what_may_bring_a_name() -> None:
    body = "@task\ndef t():\n    return go()\n@flow\ndef f():\n    return t()\n"
    imports = ["", "from SAFE import *\n", "from EVIL import *\n", "from SAFE import *\nfrom EVIL import *\n"]
    imports += ["from EVIL import *\nfrom SAFE import *\n", "from near import *\nfrom SAFE import *\n"]
    files = {"near.py": "def go():\n    return 1\n"}
    assert len({plan_hash(planned(text + body, files, "")) for text in imports}) == len(imports)


def test_an_address_that_is_opened_is_not_repeated_in_a_finding() -> None:
    body = "@task\ndef t():\n    return open('s3://key:canary@bucket/x')\n@flow\ndef f():\n    return t()\n"
    (finding,) = planned(body, NO_FILES, "").findings
    assert finding.code == "file-not-read" and "s3://…" in finding.message and "canary" not in finding.message
