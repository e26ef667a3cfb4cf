"""Addresses of things: URLs, paths, buckets. Credentials and queries never come through."""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Callable
from typing import Final

from govflow.planning.effects.catalogue import UNKNOWN
from govflow.planning.effects.texts import TREE, Parts

_SCHEME: Final = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_STORES: Final = {
    "s3": ("s3", "s3"),
    "s3a": ("s3", "s3"),
    "s3n": ("s3", "s3"),
    "gs": ("gs", "gcs"),
    "gcs": ("gs", "gcs"),
    "az": ("azure", "azure"),
    "abfs": ("azure", "azure"),
    "abfss": ("azure", "azure"),
    "wasb": ("azure", "azure"),
    "wasbs": ("azure", "azure"),
    "adl": ("azure", "azure"),
    "http": ("http", "http"),
    "https": ("https", "http"),
    "ftp": ("ftp", "ftp"),
    "sftp": ("sftp", "ftp"),
    "file": ("file", "filesystem"),
    "hdfs": ("hdfs", "filesystem"),
    "memory": ("memory", "python"),
    "dbfs": ("dbfs", "databricks"),
}
# Where the host is the name of a machine: the port that goes unsaid.
_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "sftp": "22"}
_LONGEST: Final = 300
_TOKEN: Final = 20  # characters
_TOKEN_LIKE: Final = re.compile(r"[A-Za-z0-9_:+=~-]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SECRET_WORD: Final = re.compile(
    r"(?:access|api|auth|bot)?[_-]?(?:tokens?|secrets?|passwords?|passwd|apikeys?|incomingwebhook|web_?hooks?(?:b2)?)"
    r"|(?:access|api|auth)[_-]?keys?|key",
    re.IGNORECASE,
)
_SECRET_NAME: Final = re.compile(r"token|key|secret|passw|pwd|auth|sig|credential|session", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def shown(parts: Parts) -> str:
    """Parts as one text, with :data:`UNKNOWN` for what is not known."""
    return "".join(UNKNOWN if part is None else part for part in parts)


def location(parts: Parts, relative: Callable[[str], str]) -> tuple[str, str]:
    """Provider and resource of a path that may be a URL.

    Args:
        parts: of the path.
        relative: makes a path of the tree relative to the flow's folder.
    """
    text = shown(parts)
    if text.startswith(TREE):
        return "filesystem", "file://" + _inside(relative(text[1:]))
    scheme = _SCHEME.match(text)
    if scheme is None:
        return "filesystem", "file://" + _inside(clean(text))
    name, provider = _STORES.get(scheme[1].lower(), (scheme[1].lower(), "filesystem"))
    return provider, f"{name}://{without_secrets(text[scheme.end() :], scheme[1].lower())}"


def is_own_text(parts: Parts) -> bool:
    """Whether a path is wholly known and lies beside the code: what is read there is source, and in the digest."""
    return None not in parts and shown(parts).startswith(TREE)


def _inside(path: str) -> str:
    """A path that climbs out of the folder it starts in leads to a place that is not known: it has no normal form."""
    segments = path.split("/")
    if ".." not in segments:
        return path
    normal = posixpath.normpath(path)
    if UNKNOWN not in path and not normal.startswith(".."):
        return normal
    last = len(segments) - segments[::-1].index("..")
    return "/".join([UNKNOWN, *segments[last:]])


def without_secrets(rest: str, scheme: str = "") -> str:
    """What stands behind ``://``, without user, password, query and fragment, with its host in one spelling."""
    rest = re.split(r"[?#](?!\})", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    segments = path.split("/")
    told = (_unless_token(segment, before) for before, segment in zip(["", *segments], segments, strict=False))
    host = host.rpartition("@")[2]
    return clean((_host(host, scheme) if scheme in _PORTS else host) + slash + "/".join(told))


def _host(text: str, scheme: str) -> str:
    """A host in one spelling: lower case, punycode, without a last dot and the port that goes unsaid."""
    name, colon, port = text.rpartition(":")
    if not colon or not (port.isdecimal() or not port):  # `[::1]`, or a port that is not known
        name, port = text, ""
    name = name.removesuffix(".").lower()
    if not name.isascii():
        with contextlib.suppress(UnicodeError):
            name = name.encode("idna").decode("ascii")
    return name if port in ("", _PORTS[scheme]) else f"{name}:{port}"


def _unless_token(segment: str, before: str) -> str:
    """A part of a path, unless it may be a secret.

    That is what looks like a token (long, of letters and digits, and no UUID), what stands behind a word that says so,
    the value of ``name=value`` and what a ``;`` sets apart.
    """
    segment = segment.partition(";")[0]
    if segment and _SECRET_WORD.fullmatch(before):
        return UNKNOWN
    name, equals, _ = segment.partition("=")
    if equals and _SECRET_NAME.search(name):
        return UNKNOWN
    if len(segment) < _TOKEN or _UUID.fullmatch(segment) or not _TOKEN_LIKE.fullmatch(segment):
        return segment
    letters, digits = any(map(str.isalpha, segment)), any(map(str.isdigit, segment))
    return UNKNOWN if letters and digits else segment


def clean(text: str) -> str:
    """Text as a part of a resource: on one line, not too long, never empty."""
    text = _CONTROL.sub(" ", text).strip().encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + UNKNOWN
    return text or UNKNOWN
