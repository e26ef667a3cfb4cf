"""Addresses of things: URLs, paths, buckets. Credentials and queries never come through."""

from __future__ import annotations

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
_LONGEST: Final = 300
_TOKEN: Final = 20  # characters
_TOKEN_LIKE: Final = re.compile(r"[A-Za-z0-9_:+=~-]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
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
    return provider, f"{name}://{without_secrets(text[scheme.end() :])}"


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


def without_secrets(rest: str) -> str:
    """What stands behind ``://``, without user, password, query and fragment."""
    rest = re.split(r"[?#](?!\})", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    return clean(host.rpartition("@")[2] + slash + "/".join(map(_unless_token, path.split("/"))))


def _unless_token(segment: str) -> str:
    """A part of a path, unless it looks like a token: long, of letters and digits, and no UUID."""
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
