"""``super()``, and functions that run without being called by name."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects, task_doing, work

REMOVED = ["file:delete filesystem file:///x"]
DELETED = ["http:delete http https://h/a"]


@pytest.mark.parametrize("call", ["super()", "super(S, {first})"])
@pytest.mark.parametrize("first", ["self", "this"])
def test_super_of_a_class_of_outside_code(call: str, first: str) -> None:
    given = call.format(first=first)
    head = (
        f"import requests\nclass S(requests.Session):\n    def delete({first}, u):\n        return {given}.delete(u)\n"
    )
    assert effects("S().delete('https://h/a')", head) == DELETED
    assert work(task_doing("S().delete('https://h/a')", head=head)).unseen == ()


def test_super_in_a_class_method() -> None:
    head = (
        "import os\nclass A:\n    @classmethod\n    def go(cls):\n        os.remove('/x')\n"
        "class B(A):\n    @classmethod\n    def go(cls):\n        super().go()\n"
    )
    assert effects("B.go()", head) == REMOVED


def test_super_asks_the_next_class_of_the_object_and_keeps_the_object() -> None:
    head = (
        "import os\nclass Base:\n    def save(self):\n        self.hook()\n    def hook(self):\n        pass\n"
        "class Mixin:\n    def save(self):\n        super().save()\n"
        "class S(Mixin, Base):\n    def hook(self):\n        os.remove('/x')\n"
    )
    assert effects("S().save()", head) == REMOVED


def test_super_is_that_of_the_class_that_has_the_method() -> None:
    head = (
        "import os\nclass A:\n    def go(self):\n        os.remove('/x')\n"
        "class B(A):\n    def go(self):\n        super().go()\nclass C(B):\n    pass\n"
    )
    assert effects("C().go()", head) == REMOVED


@pytest.mark.parametrize("base", ["threading.Thread", "multiprocessing.Process"])
def test_started_object_runs(base: str) -> None:
    head = (
        f"import os, threading, multiprocessing\nclass T({base}):\n    def __init__(self, n):\n"
        "        super().__init__()\n        self.n = n\n    def run(self):\n        os.remove(self.n)\n"
    )
    assert effects("T('/x').start()", head) == REMOVED


@pytest.mark.parametrize(
    "body",
    [
        "@atexit.register\ndef bye():\n    os.remove('/x')",
        "atexit.register(os.remove, '/x')",
        "@functools.singledispatch\ndef rm(a):\n    pass\n@rm.register\ndef _(a: int):\n    os.remove('/x')\nrm(1)",
        "@functools.singledispatch\ndef rm(a):\n    pass\n@rm.register(int)\ndef _(a):\n    os.remove('/x')\nrm(1)",
        "operator.methodcaller('remove', '/x')(os)",
        "operator.attrgetter('remove')(os)('/x')",
        "operator.attrgetter('os.remove')(holder)('/x')",
        "[getattr(os, m)('/x') for m in ('remove', 'getcwd')]",
        "for m in ('remove', 'getcwd'):\n    getattr(os, m)('/x')",
    ],
)
def test_function_that_is_called_by_a_detour(body: str) -> None:
    head = "import atexit, functools, operator, os\nclass holder:\n    os = os\n"
    assert effects(body, head) == REMOVED


def test_value_of_a_context_variable_that_is_called_is_unseen() -> None:
    head = "from contextvars import ContextVar\nvar = ContextVar('var')\n"
    assert work(task_doing("var.get()('x')", head=head)).unseen == ("a call of a value",)


HOLLOW = ["...", "pass", "'''Says nothing.'''", "raise NotImplementedError", "raise NotImplementedError('go')"]


@pytest.mark.parametrize("said", HOLLOW)
def test_method_that_a_class_leaves_to_others_is_unseen(said: str) -> None:
    head = f"class P:\n    def go(self):\n        {said}\n    def all(self):\n        self.go()\n"
    for call in ("x.go()", "x.all()"):
        assert work(task_doing(call, head=head, given="x: P, y")).unseen == ("P.go",)
    assert work(task_doing("P().go()", head=head)).unseen == ()


def test_method_that_a_subclass_replaces_is_unseen_too() -> None:
    head = (
        "import os\nclass P:\n    def go(self):\n        os.remove('/x')\n"
        "class Q(P):\n    pass\nclass R(Q):\n    def go(self):\n        pass\n"
    )
    step = work(task_doing("x.go()", head=head, given="x: P, y"))
    assert [effect.action for effect in step.effects] == ["file:delete"]
    assert step.unseen == ("P.go",)
    assert work(task_doing("x.go()", head=head, given="x: R, y")).unseen == ("R.go",)
