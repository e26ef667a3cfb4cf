"""Loaded functions against compiled source."""

from __future__ import annotations

import types

import pytest

from govflow.planning.code import code_digest, compiled_functions

SOURCE = '''
def outer(a, b=2, *, c):
    """Doc."""
    def inner(x):
        return x in {"p", "q", "r"}, a
    return [inner(i) for i in range(b)], c, 1, 1.0, True

class Kind:
    def method(self):
        try:
            return self.x
        except AttributeError:
            return None

if True:
    def twice(): return 1
else:
    def twice(): return 2
call = lambda: raise_it
'''


def test_source_is_never_executed() -> None:
    assert set(compiled_functions("raise SystemExit\ndef f(): ...\n", "x.py")) == {"f"}


def test_functions_are_found_by_qualified_name() -> None:
    found = compiled_functions(SOURCE, "f.py")
    assert {"outer", "outer.<locals>.inner", "Kind", "Kind.method", "twice", "<lambda>"} <= set(found)


def test_several_definitions_of_one_name_are_kept_in_order() -> None:
    found = compiled_functions("def f(): return 1\ndef f(): return 2\n", "f.py")["f"]
    assert [code.co_firstlineno for code in found] == [1, 2]
    assert len({code_digest(code) for code in found}) == 2


def test_loaded_code_is_the_compiled_one_also_after_it_ran_hot() -> None:
    loaded: dict[str, types.FunctionType] = {}
    exec(compile(SOURCE, "elsewhere.py", "exec", dont_inherit=True), loaded)
    for _ in range(2000):  # let the interpreter specialise its instructions
        loaded["outer"](1, c=3)
    again = compiled_functions("\n\n\n" + SOURCE, "/other/place.py")
    assert code_digest(loaded["outer"].__code__) == code_digest(again["outer"][0])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("b=2, *, c", "b=2, c=1"),
        ('"p", "q"', '"p", "s"'),
        ("self.x", "self.y"),
        ("return None", "return 0"),
        ("c, 1, 1.0", "c, 1.0, 1"),
        ("1.0, True", "1.0, 1"),
    ],
)
def test_another_code_has_another_digest(before: str, after: str) -> None:
    assert before in SOURCE
    changed = compiled_functions(SOURCE.replace(before, after), "f.py")
    plain = compiled_functions(SOURCE, "f.py")
    assert {name for name in plain if code_digest(plain[name][0]) != code_digest(changed[name][0])}


def test_defaults_are_not_in_a_code_object() -> None:
    one, other = (compiled_functions(f"def f(x={value}): return x\n", "f.py")["f"][0] for value in (1, 2))
    assert code_digest(one) == code_digest(other)
