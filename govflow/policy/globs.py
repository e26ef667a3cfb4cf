r"""Globs, and the normal form of the resources that they are matched with.

Globs are those of :mod:`fnmatch`, case-sensitive on every machine: ``*`` any text (``/`` and ``:`` too), ``?`` one
character, ``[abc]``, ``[a-z]`` and ``[!abc]`` one character of a set or outside it; there is no escape, ``[*]`` is a
star. The whole text must match.

A resource has many spellings; a rule names one. Before matching, resources are brought to a normal form:

======================================  ===========================  =======================================
rule                                    before                       after
======================================  ===========================  =======================================
scheme in lower case                    ``S3://bucket/k``            ``s3://bucket/k``
host in lower case (http, https)        ``https://API.acme.io/v1``   ``https://api.acme.io/v1``
no default port, no dot of the root     ``https://acme.io.:443/v1``  ``https://acme.io/v1``
ports as numbers                        ``https://acme.io:0443/v1``  ``https://acme.io/v1``
no user and password (http, https)      ``https://u:p@acme.io/v1``   ``https://acme.io/v1``
a path before a query (http, https)     ``https://acme.io?x=1``      ``https://acme.io/?x=1``
names in other scripts as DNS has them  ``https://bücher.de/v1``     ``https://xn--bcher-kva.de/v1``
unreserved characters and ``/`` decoded ``dataset://ph%69/a%2Fb``    ``dataset://phi/a/b``
other escapes kept, in upper case       ``dataset://a%3fb``          ``dataset://a%3Fb``
``.`` and ``..`` segments resolved      ``dataset://a/x/../b/./c``   ``dataset://a/b/c``
repeated slashes are one                ``dataset://a//b``           ``dataset://a/b``
``?...`` and ``#...`` left as they are  ``https://h/a/../b?q=../c``  ``https://h/b?q=../c``
======================================  ===========================  =======================================

Decoding happens once, so ``%252e`` stays ``%252e`` and the normal form of a normal form is itself. A ``..`` that climbs
above the authority (``dataset://public/../phi``) reads as one place or another depending on who resolves it: it has no
normal form, and a request for it is denied. So is one whose host has a blank, a control character or a backslash in it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

Matcher = Callable[[str], bool]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")  # RFC 3986, 3.1
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_DECODED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")  # RFC 3986, 2.3
_PORTS: Final = {"http": "80", "https": "443"}
# Already normal, told without taking it apart: no escape, no dot at the start of a segment, no second double slash.
_NORMAL: Final = re.compile(r"(?:(?!https?:)[a-z][a-z0-9+.-]*://)?(?:[^%/.?#][^%/?#]*(?:/(?![/.])[^%/?#]*)*)?")
_PORT: Final = re.compile(r":([0-9\0]*)$")
_MANY_HOSTS: Final = re.compile(r"[\s\x01-\x1f\x7f\\]")  # some readers drop it, for some the host ends there
_UNKNOWN: Final = "\0"  # a hole, as govflow.policy.holes puts it in
_WILD: Final = re.compile(r"[*?\[]")


class NoNormalForm(ValueError):
    """The resource does not say one place."""


@lru_cache(maxsize=8192)
def normal_resource(resource: str) -> str:
    """The normal form of a resource, as in the table of this module.

    Raises:
        NoNormalForm: it climbs above its authority.
    """
    if _NORMAL.fullmatch(resource):
        return resource
    text = _ESCAPE.sub(_decode, resource)
    scheme = _SCHEME.match(text)
    if scheme is None:
        path, tail = _split(text)
        return _resolve(path) + tail
    name = scheme[0].lower()
    path, tail = _split(text[scheme.end() + 3 :])
    authority, slash, path = path.partition("/")
    if name in _PORTS:
        authority = _host(authority, _PORTS[name])
        slash = slash or ("/" if tail else "")
    elif authority in {".", ".."}:
        raise NoNormalForm("the resource begins with a '.' or '..' segment")
    return f"{name}://{authority}{_below(slash + path)}{tail}"


def normal_glob(pattern: str) -> str:
    """The glob that matches normal forms: scheme, host and escapes as in a resource.

    Raises:
        ValueError: the glob can match no normal form; the message says why.
    """
    if not pattern:
        raise ValueError("an empty glob matches nothing")
    text = _ESCAPE.sub(_decode, pattern)
    head, mark, rest = text.partition("://")
    if mark and not head.startswith("["):
        host, slash, path = rest.partition("/")
        port = _PORTS.get(head.lower())
        if port is not None:
            if "@" in host:
                raise ValueError("resources are matched without user and password, so this glob never matches")
            host = _without_port(host.lower(), port) if _WILD.search(host) else _host(host, port)
        text = f"{head.lower()}://{host}{slash}{path}"
    # What stands before the first wildcard must itself be normal, or nothing that is normal begins with it.
    wild = _WILD.search(text)
    literal = text[: text.rindex("/", 0, wild.start()) + 1] if wild and "/" in text[: wild.start()] else text
    if wild and literal is text:
        return text
    try:
        normal = normal_resource(literal)
    except NoNormalForm as problem:
        raise ValueError(f"{problem}, so this glob never matches") from None
    if normal != literal:
        raise ValueError(f"a resource that begins like this is brought to {normal!r}, so this glob never matches")
    return text


def compile_glob(pattern: str) -> Matcher:
    """A function that says whether a text matches the glob; equal to ``fnmatch.translate``, faster where it can be."""
    if not _WILD.search(pattern):
        return lambda text: text == pattern
    if _matches_all(pattern):
        return lambda text: True
    inner = pattern.strip("*")
    if not _WILD.search(inner):
        return _simple(inner, open_start=pattern.startswith("*"), open_end=pattern.endswith("*"))
    match = re.compile(fnmatch.translate(pattern)).match
    return lambda text: match(text) is not None


def compile_globs(patterns: Sequence[str]) -> Matcher | None:
    """Whether any of the globs matches; ``None`` if one of them matches everything."""
    if any(map(_matches_all, patterns)):
        return None
    matchers = [compile_glob(pattern) for pattern in patterns]
    if len(matchers) == 1:
        return matchers[0]
    literals = frozenset(pattern for pattern in patterns if not _WILD.search(pattern))
    wild = [matcher for pattern, matcher in zip(patterns, matchers, strict=True) if pattern not in literals]
    return lambda text: text in literals or any(matcher(text) for matcher in wild)


def _matches_all(pattern: str) -> bool:
    return pattern != "" and pattern.strip("*") == ""


def _simple(inner: str, *, open_start: bool, open_end: bool) -> Matcher:
    if open_start and open_end:
        return lambda text: inner in text
    if open_start:
        return lambda text: text.endswith(inner)
    return lambda text: text.startswith(inner)


def _decode(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _DECODED else escape[0].upper()


def _host(authority: str, port: str) -> str:
    """A host as DNS compares it: in lower case, without the dot of the root and without the port that goes unsaid.

    Raises:
        NoNormalForm: it is another host for other readers.
    """
    if _MANY_HOSTS.search(authority):
        raise NoNormalForm("the resource has a host with a blank, a control character or a backslash in it")
    user, _, host = authority.rpartition("@")
    host, before = host.lower(), ""
    if _UNKNOWN in user:  # what is not known may end the host before
        host = _UNKNOWN + host
    while host != before:
        before = host
        host = _without_port(host, port).rstrip(".") or host
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _without_port(host: str, port: str) -> str:
    """The host with its port as a number, and without it where it goes unsaid or is none."""
    found = _PORT.search(host)
    if found is None:
        return host
    said, number = found[1], found[1].lstrip("0")
    before = host[: found.start()]
    if _UNKNOWN in said:
        return before + _UNKNOWN  # it may be the one that goes unsaid
    return before if said == "" or number == port else f"{before}:{number or '0'}"


def _split(text: str) -> tuple[str, str]:
    """The path, and the query or fragment behind it."""
    for place, character in enumerate(text):
        if character in "?#":
            return text[:place], text[place:]
    return text, ""


def _below(path: str) -> str:
    """An absolute path under an authority, which it must not leave."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not kept:
                raise NoNormalForm("the resource climbs above its root by '..'")
            kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    closed = path.endswith(("/", "/.", "/.."))
    return "/" + "/".join(kept) + ("/" if closed and kept else "") if path else ""


def _resolve(path: str) -> str:
    """A path without a scheme: absolute ones end at the root, relative ones keep the ``..`` that lead out."""
    absolute = path.startswith("/")
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif segment not in {"", ".", ".."} or (segment == ".." and not absolute):
            kept.append(segment)
    closed = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return f"{'/' if absolute else ''}{'/'.join(kept)}{closed}"
