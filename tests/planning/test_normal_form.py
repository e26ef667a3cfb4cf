"""What a normal form leaves out, what it keeps, and that every Python minor writes the same."""

from __future__ import annotations

import ast
import subprocess
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import govflow
from govflow.planning.normal_form import digest, normalise
from tests.planning.pythons import python_of

SAMPLE = '''
def work(a, b=1.5, *args, key: int = -3, **more):
    """Docstring."""
    import json as j
    from os import path
    total: float = 0
    for index, (left, right) in enumerate(zip(a, args)):
        total += left if left > right else index
        if (found := total * 2) > SETTINGS.limit:
            continue
    text = f"{total!r:>{key}} and {{}} {a['k']} {b=}" "tail" f"{key}"
    names = {name: [x for x in value if x] for name, value in more.items()}
    def inner(x):
        nonlocal total
        total = x
        return lambda y: (x, y, total)
    try:
        with open(text) as file, helper(names) as (one, *two):
            return j.dumps(file.read(), default=inner)
    except (ValueError, KeyError) as error:
        raise RuntimeError("no") from error
    except* OSError:
        pass
    finally:
        del names
    match a:
        case {"k": [first, *rest], **others} if rest:
            return first, others
        case Point(x=0) | None as kept:
            return kept
        case _:
            return 10**30, 0x1F, 1_000, 3j, b"x\\xff", ..., "\\ud800"
    class Local(Base, metaclass=Meta):
        size: int
        other: int = 2
        def get(self): return self.size
    return a[1:2, ::3], not b, a @ b, {*a}, (yield), Local
'''.replace("    except* OSError:\n        pass\n", "")


def form_of(source: str) -> str:
    return digest(normalise(ast.parse(textwrap.dedent(source)).body[0]).form)


@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13"])
def test_every_minor_writes_the_same(minor: str, tmp_path: Path) -> None:
    python = python_of(minor)
    if python is None:
        pytest.skip(f"no Python {minor} here")
    script = (
        "import ast,sys\n"
        "sys.path.insert(0,sys.argv[1])\n"
        "from govflow.planning.normal_form import digest,normalise\n"
        "node=ast.parse(sys.stdin.read()).body[0]\n"
        "print(digest(normalise(node).form))\n"
    )
    found = subprocess.run(
        [python, "-I", "-B", "-c", script, str(Path(govflow.__file__).parents[1])],
        input=SAMPLE, capture_output=True, text=True, check=True, timeout=400,
    )  # fmt: skip
    assert found.stdout.strip() == form_of(SAMPLE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n    y = x\n    return y", "def f(x):\n    '''Doc.'''\n    z = (x)  # same\n    return z"),
        ("def f(x: int) -> int:\n    return x", "def f(x):\n    return x"),
        ("def f():\n    return [i for i in a]", "def f():\n    return [\n        k\n        for k in a\n    ]"),
        ("def f():\n    return lambda x: x", "def f():\n    return lambda y: y"),
        ("def f():\n    x: int = 1\n    return x", "def f():\n    x = 1\n    return x"),
        ("def f():\n    return 'ab'", 'def f():\n    return "a" "b"'),
        ("def f():\n    return 1000", "def f():\n    return 1_000"),
        ("def f():\n    pass", "def f():\n    ..."),
        ("def f():\n    with a as x, b:\n        c(x)", "def f():\n    with (a as y, b):\n        c(y)"),
        ("def f():\n    try: pass\n    except E as e: g(e)", "def f():\n    try: pass\n    except E as x: g(x)"),
        ("def f(a):\n    match a:\n        case [x, *y]: g(x, y)",
         "def f(a):\n    match a:\n        case [p, *q]: g(p, q)"),
        ("def f():\n    def g(): return 1\n    return g()", "def f():\n    def h(): return 1\n    return h()"),
        ("def f():\n    import json as j\n    j.x()", "def f():\n    import json as k\n    k.x()"),
    ],
)  # fmt: skip
def test_the_same_thing_written_otherwise(one: str, other: str) -> None:
    assert form_of(one) == form_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n    return 1", "def f():\n    return True"),
        ("def f():\n    return 1", "def f():\n    return 1.0"),
        ("def f():\n    return 'a'", "def f():\n    return b'a'"),
        ("def f(x):\n    return x", "def f(y):\n    return y"),  # callers may name it
        ("def f():\n    return a", "def f():\n    return b"),
        ("def f():\n    return a.x", "def f():\n    return a.y"),
        ("def f():\n    return g(k=1)", "def f():\n    return g(l=1)"),
        ("def f(x=1): ...", "def f(x=2): ..."),
        ("def f(x): ...", "def f(*x): ..."),
        ("def f():\n    x = y = 1\n    return x, y", "def f():\n    x = y = 1\n    return y, y"),
        ("def f():\n    x = 1\n    return locals()", "def f():\n    y = 1\n    return locals()"),
        ("def f():\n    x = 1\n    return x", "def f():\n    global x\n    x = 1\n    return x"),
        ("def f():\n    return [x for x in a]", "def f():\n    return [a for x in a]"),
        ("def f():\n    return f'{a}'", "def f():\n    return f'{a!r}'"),
        ("def f():\n    return f'{a:>3}'", "def f():\n    return f'{a:>4}'"),
        ("def f(): ...", "async def f(): ..."),
        ("def f():\n    return -0.0", "def f():\n    return 0.0"),
        ("def f():\n    import json as j\n    j.x()", "def f():\n    import orjson as j\n    j.x()"),
        ("class A:\n    x: int", "class A:\n    y: int"),
    ],
)
def test_another_thing(one: str, other: str) -> None:
    assert form_of(one) != form_of(other)


def test_free_names_are_chains_in_order_of_use() -> None:
    node = ast.parse("def f(x):\n    import a.b as c\n    return settings.db.url + g(x, c.y), open").body[0]
    normal = normalise(node)
    assert normal.free == ("settings.db.url", "g", "open")
    assert [(level, module, name) for _, level, module, name in normal.imports] == [(0, "a.b", None)]


NAMES = st.sampled_from(["alpha", "beta", "gamma", "delta", "omega"])


@given(st.permutations(["alpha", "beta", "gamma", "delta", "omega"]), NAMES)
def test_any_renaming_of_local_names_keeps_the_form(names: list[str], extra: str) -> None:
    source = (
        "def f(p):\n    {0} = p\n    {1} = [{2} for {2} in {0}]\n    for {3} in {1}:\n        {4} = {3} + {0}\n"
        "    return lambda {0}: ({0}, {4})\n"
    )
    plain = form_of(source.format("alpha", "beta", "gamma", "delta", "omega"))
    assert form_of(source.format(*names)) == plain
    swapped = source.format(*names).replace("return lambda", f"return {extra}, lambda")
    assert form_of(swapped) != plain


def test_the_name_of_a_function_is_no_part_of_its_code_and_that_of_a_nested_one_is_a_local() -> None:
    """Who calls it says the name, and so does the plan."""
    named = [
        digest(normalise(ast.parse(text).body[0]).form)
        for text in (
            "def load(n):\n    return n + 1",
            "def fetch(n):\n    return n + 1",
            "def fetch(n):\n    return n + 2",
            "async def fetch(n):\n    return n + 1",
        )
    ]
    assert named[0] == named[1]
    assert len(set(named)) == 3


def test_a_function_that_calls_itself_still_names_what_it_calls() -> None:
    one = normalise(ast.parse("def count(n):\n    return count(n - 1)").body[0])
    other = normalise(ast.parse("def count(n):\n    return other(n - 1)").body[0])
    assert one.form != other.form
