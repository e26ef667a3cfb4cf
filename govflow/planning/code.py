"""Code objects compared by meaning: the loaded function against the source that was read.

A digest here belongs to one Python minor: it is for binding a process to its source, never part of a plan.
"""

from __future__ import annotations

import dis
import hashlib
import types
from collections.abc import Iterator, Mapping

_CACHE = dis.opmap.get("CACHE", 0)


def code_digest(code: types.CodeType) -> str:
    """``sha256:`` digest of a code object without its line table and file name.

    Covered: instructions (de-specialised, inline caches zeroed), constants with nested code, names, variables, counts
    of arguments, flags, exception table.
    """
    digest = hashlib.sha256()
    for part in _parts(code):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return "sha256:" + digest.hexdigest()


def compiled_functions(source: str, filename: str) -> Mapping[str, tuple[types.CodeType, ...]]:
    """Every code object of a source by qualified name. Several definitions of one name are all kept, in source order.

    The source is compiled and never executed. The module itself is not in the result.

    Raises:
        SyntaxError: the source is not Python.
    """
    return functions_in(compile(source, filename, "exec", dont_inherit=True))


def functions_in(module: types.CodeType) -> Mapping[str, tuple[types.CodeType, ...]]:
    """The same of a module that is compiled."""
    found: dict[str, list[types.CodeType]] = {}
    for code in _nested(module):
        found.setdefault(code.co_qualname, []).append(code)
    return {name: tuple(codes) for name, codes in found.items()}


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _nested(constant)


def _parts(code: types.CodeType) -> Iterator[bytes]:
    yield _instructions(code)
    for constant in code.co_consts:
        yield _constant(constant)
    for names in (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars):
        yield "\0".join(names).encode("utf-8", "surrogatepass")
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield repr(counts).encode()
    yield code.co_qualname.encode("utf-8", "surrogatepass")
    yield code.co_exceptiontable


def _instructions(code: types.CodeType) -> bytes:
    """``co_code`` is de-specialised by the interpreter; caches are zeroed here for minors that show them."""
    raw = bytearray(code.co_code)
    for offset in range(0, len(raw), 2):
        if raw[offset] == _CACHE:
            raw[offset + 1] = 0
    return bytes(raw)


def _constant(value: object) -> bytes:
    if isinstance(value, types.CodeType):
        return b"code:" + code_digest(value).encode()
    if isinstance(value, tuple):
        return b"tuple:" + b"".join(_framed(_constant(item)) for item in value)
    if isinstance(value, frozenset):
        return b"frozenset:" + b"".join(_framed(item) for item in sorted(_constant(item) for item in value))
    if isinstance(value, str):
        return b"str:" + value.encode("utf-8", "surrogatepass")
    return f"{type(value).__name__}:{value!r}".encode()


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(8, "big") + part
