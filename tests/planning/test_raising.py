"""What may swallow an error makes the steps of its block optional."""

from __future__ import annotations

import textwrap

import pytest

from tests.planning.reading import in_flow, plan_of, steps

EXITS = """
from contextlib import ExitStack, contextmanager, suppress
class Plain:
    def __enter__(self): return self
    def __exit__(self, *error):
        self.closed = True
        def inner(): return True
        return False
class Quiet:
    def __enter__(self): return self
    def __exit__(self, kind, error, trace): return kind is KeyError
class Deep(Quiet): ...
class Silent(suppress): ...
@contextmanager
def lets_through():
    try:
        yield 1
    finally:
        print()
@contextmanager
def swallows():
    try:
        yield 1
    except KeyError:
        print()
@contextmanager
def raises_another():
    try:
        yield 1
    except KeyError as error:
        raise ValueError from error
@contextmanager
def hidden():
    with suppress(KeyError):
        yield
"""


@pytest.mark.parametrize(
    ("context", "often"),
    [
        ("Plain()", "one"),
        ("Quiet()", "optional"),
        ("Deep()", "optional"),
        ("Silent(KeyError)", "optional"),
        ("suppress(KeyError)", "optional"),
        ("ExitStack()", "optional"),
        ("lets_through()", "one"),
        ("swallows()", "optional"),
        ("hidden()", "optional"),
        ("raises_another()", "one"),
        ("open('x', 'w')", "one"),
        ("duckdb.connect()", "one"),
        ("Plain(), Quiet()", "optional"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_a_block_whose_context_may_swallow_is_optional(context: str, often: str, named: bool) -> None:
    if named and "," in context:
        return
    block = f"    made = {context}\n    with made:\n" if named else f"    with {context}:\n"
    plan = plan_of(f"{EXITS}\nimport duckdb\n@flow\ndef main():\n{block}        a()\n        b()\n    c()\n")
    assert steps(plan) == {"a#1": often, "b#1": often, "c#1": "one"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("try:\n    a()\nfinally:\n    return 1", {"a#1": "optional"}),
        ("try:\n    a()\nfinally:\n    b()", {"a#1": "one", "b#1": "one"}),
        ("try:\n    a()\nfinally:\n    if n:\n        return 1", {"a#1": "optional"}),
        ("try:\n    a()\nfinally:\n    for i in []:\n        break", {"a#1": "one"}),
        ("try:\n    a()\nfinally:\n    def f():\n        return 1", {"a#1": "one"}),
        ("try:\n    a()\nfinally:\n    with open('x', 'w'):\n        return 1", {"a#1": "optional"}),
    ],
)  # fmt: skip
def test_a_finally_that_leaves_swallows(body: str, found: dict[str, str]) -> None:
    assert steps(in_flow(body)) == found


@pytest.mark.parametrize("word", ["break", "continue"])
def test_a_finally_that_leaves_its_loop_swallows(word: str) -> None:
    body = f"while True:\n    try:\n        outer()\n    finally:\n        {word}"
    plan = plan_of("@task\ndef outer(): ...\n@flow\ndef main():\n" + textwrap.indent(body, "    "))
    assert steps(plan) == {"outer#1": "many"}
    assert all(step.multiplicity.value != "one" for step in plan.steps[1:])
