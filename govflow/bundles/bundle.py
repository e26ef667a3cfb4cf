"""What a bundle says, and how one is opened.

The payload is canonical JSON (RFC 8785):

    {"digest": "sha256:…", "expires_at": null, "files": [{"path": "policy.yaml", "text": "…"}], "format": 1,
     "made_at": "2026-11-22T12:00:00Z", "made_by": "carol"}

``files`` are the policy file and all that it imports, the policy file first, under their paths as seen from its
folder; comments are in them, so that whoever reads a bundle reads what was reviewed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from govflow.bundles.envelope import unsealed
from govflow.bundles.refusal import refuse
from govflow.bundles.strict_json import strict_json
from govflow.errors import CanonicalError, PolicyError
from govflow.ir.canonical import canonical
from govflow.ir.models import NonEmpty, StrictModel
from govflow.ir.vocabulary import Vocabulary
from govflow.permits.keys import Keys
from govflow.policy import PolicyDocument, load_policy

SUFFIX: Final = ".bundle.json"
FORMAT: Final = 1
MOST_FILES: Final = 100


class BundledFile(StrictModel):
    """One file of a bundle."""

    path: NonEmpty
    text: str


class Payload(StrictModel):
    """What is signed."""

    format: Literal[1]
    digest: NonEmpty
    made_by: NonEmpty
    made_at: AwareDatetime
    expires_at: AwareDatetime | None
    files: Annotated[list[BundledFile], Field(min_length=1, max_length=MOST_FILES)]


@dataclass(frozen=True, slots=True)
class SignedPolicy:
    """A bundle whose signature counts, with the policy that it holds."""

    document: PolicyDocument
    kid: str  # the key that signed it
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    ends_at: datetime | None  # when it counts no more: it has expired, or its key is not trusted any longer
    files: tuple[str, ...]  # paths from the folder of the policy file, which is the first


def is_bundle(path: str) -> bool:
    """Whether a file of that name is a bundle."""
    return path.lower().endswith(SUFFIX)


def open_bundle(text: str, where: str, keys: Keys, now: datetime, vocabulary: Vocabulary | None = None) -> SignedPolicy:
    """Check a bundle and load its policy.

    In this order, and nothing is read before what stands above it holds: form of the envelope, type of the payload,
    key, signature, format, times, files, the policy itself, its digest.

    Args:
        text: of the file.
        where: how messages name it.
        keys: public keys that may sign policies, by name.
        now: aware.
        vocabulary: as :func:`govflow.policy.load_policy` takes it.

    Raises:
        PolicyUnsigned: it does not count; ``details["cause"]`` is one of form, type, key, signature, format, expired,
            files, digest.
        PolicyError: it is signed, and its policy cannot be used.
    """
    data, key = unsealed(text, where, keys, now)
    payload = _payload(data, where)
    if payload.expires_at is not None and now >= payload.expires_at:
        refuse(where, "expired", f"it has expired at {payload.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    files = {file.path: file.text for file in payload.files}
    if len(files) != len(payload.files):
        refuse(where, "files", "it holds two files of one path")
    document, used = load_files(files, payload.files[0].path, where, vocabulary)
    if used != files.keys():
        refuse(where, "files", f"nothing imports {', '.join(sorted(files.keys() - used))}")
    if document.digest != payload.digest:
        refuse(
            where,
            "digest",
            "its files make another policy here than they did where it was signed",
            "Sign it with this version of govflow, or run the version that signed it.",
        )
    ends = [moment for moment in (payload.expires_at, key.ends_at) if moment is not None]
    return SignedPolicy(
        document=replace(document, where=where),
        kid=key.kid,
        made_by=payload.made_by,
        made_at=payload.made_at,
        expires_at=payload.expires_at,
        ends_at=min(ends, default=None),
        files=tuple(files),
    )


def load_files(
    files: Mapping[str, str], main: str, where: str, vocabulary: Vocabulary | None = None
) -> tuple[PolicyDocument, set[str]]:
    """The policy of files that are given, and the paths of those that it took.

    Raises:
        PolicyError: it cannot be used, or imports what is not there.
    """
    before = f"{where}: "  # stands before the path in messages, and is no part of it
    used = {main}

    def follow(name: str, importing: str) -> tuple[str, str]:
        if posixpath.isabs(name):
            raise PolicyError(
                "a bundle holds no path of one machine", mend="Write the path from the folder of this file."
            )
        folder = posixpath.dirname(importing.removeprefix(before))
        path = posixpath.normpath(posixpath.join(folder, name))
        if path not in files:
            raise PolicyError("the bundle does not hold it", mend="Make the bundle again.")
        used.add(path)
        return before + path, files[path]

    return load_policy(files[main], before + main, vocabulary, importer=follow), used


def _payload(data: bytes, where: str) -> Payload:
    try:
        value = strict_json(data)
        whole = canonical(value) == data
    except (ValueError, CanonicalError):
        value, whole = None, False
    if not isinstance(value, dict) or not whole:
        refuse(where, "format", "what is signed is not in canonical form")
    if type(value.get("format")) is not int or value["format"] != FORMAT:
        refuse(
            where,
            "format",
            f"its format is {value.get('format')!r}, and this version of govflow reads format {FORMAT}",
            "Sign it with this version of govflow, or install the version that signed it.",
        )
    try:
        return Payload.model_validate_json(data)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        refuse(where, "format", f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}")
