"""Special methods of classes of the repository: what operators, loops, texts and attributes do to the world."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects

REMOVED = ["file:delete filesystem file:///x"]
GONE = "os.remove('/x')"


def _class(method: str, *, base: str = "") -> str:
    return f"import os\nclass B{base}:\n    def {method}:\n        {GONE}\n        return 'y'\n"


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("__add__(s, o)", "B() + 1"),
        ("__radd__(s, o)", "1 + B()"),
        ("__iadd__(s, o)", "b = B()\nb += 1"),
        ("__or__(s, o)", "B() | x"),
        ("__add__(s, o)", "b = B() if x else 1\nb + 1"),
        ("__neg__(s)", "-B()"),
        ("__eq__(s, o)", "B() == 1"),
        ("__eq__(s, o)", "B() != 1"),
        ("__lt__(s, o)", "1 > B()"),
        ("__bool__(s)", "if B():\n    pass"),
        ("__bool__(s)", "while B():\n    pass"),
        ("__bool__(s)", "not B()"),
        ("__bool__(s)", "B() and x"),
        ("__bool__(s)", "x if B() else y"),
        ("__bool__(s)", "[1 for b in [B()] if b]"),
        ("__len__(s)", "len(B())"),
        ("__len__(s)", "bool(B())"),
        ("__contains__(s, o)", "x in B()"),
        ("__new__(cls)", "B()"),
        ("__iter__(s)", "for one in B():\n    pass"),
        ("__iter__(s)", "list(B())"),
        ("__iter__(s)", "a, b = B()"),
        ("__iter__(s)", "[one for one in B()]"),
        ("__iter__(s)", "x in B()"),
        ("__next__(s)", "next(B())"),
        ("__getitem__(s, i)", "B()[0]"),
        ("__getitem__(s, i)", "for one in B():\n    pass"),
        ("__setitem__(s, i, v)", "B()[0] = 1"),
        ("__setitem__(s, i, v)", "b = B()\nb['a'] = x"),
        ("__delitem__(s, i)", "b = B()\ndel b[0]"),
        ("__getattr__(s, n)", "B().some"),
        ("__getattr__(s, n)", "getattr(B(), 'some')"),
        ("__setattr__(s, n, v)", "B().some = 1"),
        ("__delattr__(s, n)", "b = B()\ndel b.some"),
        ("__str__(s)", "f'{B()}'"),
        ("__str__(s)", "str(B())"),
        ("__str__(s)", "print('a', B())"),
        ("__repr__(s)", "f'{B()!r}'"),
        ("__repr__(s)", "f'{B()}'"),
        ("__format__(s, f)", "f'{B()}'"),
        ("__del__(s)", "B()"),
        ("__await__(s)", "async def inner():\n    await B()\ninner()"),
    ],
)
def test_special_method_is_read(method: str, body: str) -> None:
    assert effects(body, _class(method)) == REMOVED


def test_object_that_is_its_own_iterator_is_read() -> None:
    head = f"import os\nclass B:\n    def __iter__(s):\n        return s\n    def __next__(s):\n        {GONE}\n"
    assert effects("for one in B():\n    pass", head) == REMOVED


@pytest.mark.parametrize("body", ["B().p = 1", "b = B()\nb.p += 1", "B().p"])
def test_property_and_its_setter_are_read(body: str) -> None:
    head = (
        "import os\nclass B:\n    @property\n    def p(s):\n        os.remove('/got')\n"
        f"    @p.setter\n    def p(s, v):\n        {GONE}\n"
    )
    got, put = "file:delete filesystem file:///got", REMOVED[0]
    expected = {"B().p = 1": {put}, "b = B()\nb.p += 1": {got, put}, "B().p": {got}}[body]
    assert set(effects(body, head)) == expected


@pytest.mark.parametrize(("method", "body"), [("__get__(s, o, c)", "A().p"), ("__set__(s, o, v)", "A().p = 1")])
def test_descriptor_is_read(method: str, body: str) -> None:
    assert effects(body, _class(method) + "class A:\n    p = B()\n") == REMOVED


def test_metaclass_is_read() -> None:
    head = _class("__call__(cls, *a)", base="(type)") + "class A(metaclass=B):\n    pass\n"
    assert effects("A()", head) == REMOVED


def test_base_that_hears_of_its_subclasses_is_read() -> None:
    assert effects("class A(B):\n    pass", _class("__init_subclass__(cls)")) == REMOVED


def test_operator_of_an_annotated_parameter_is_read() -> None:
    assert effects("x + 1", _class("__add__(s, o)"), given="x: B, y") == REMOVED


def test_operators_of_a_class_that_has_none_do_nothing() -> None:
    head = "class B:\n    pass\n"
    assert effects("b = B()\nb + 1\nb == 1\nb[0]\nfor one in b:\n    pass\nf'{b}'", head) == []


def test_method_that_uses_its_own_operator_comes_to_an_end() -> None:
    head = f"import os\nclass B:\n    def __add__(s, o):\n        {GONE}\n        return s + (o + s)\n"
    assert effects("B() + B()", head) == REMOVED
