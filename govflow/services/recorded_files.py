"""Recorded decisions in files: JSON Lines, one decision a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from govflow.errors import InputError, RequestError
from govflow.policy.recorded import Recorded, recorded_of
from govflow.telemetry import redact, redact_text

SUFFIXES: Final = frozenset({".jsonl", ".ndjson"})
_LONGEST: Final = 16 * 1024 * 1024  # bytes of a line


def read_recorded(path: Path) -> Iterator[Recorded]:
    """The decisions of a file, as they come.

    Raises:
        InputError: it is not there, cannot be read, or a line is no decision; names file, line, field and mend.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST):
                number += 1
                if not line.isspace():
                    yield _read(line, path, number)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", mend="Mend the path.") from None


def _read(line: bytes, path: Path, number: int) -> Recorded:
    try:
        return recorded_of(orjson.loads(line))
    except RequestError as wrong:
        message = wrong.message.removeprefix("The request cannot be read: ")
        details = {"file": str(path), "line": number, **wrong.details}
        raise InputError(f"{path}:{number}: {message}", mend=wrong.mend, details=details) from None
    except orjson.JSONDecodeError:
        raise InputError(
            f"{path}:{number}: not JSON.",
            mend="Write one JSON object a line, as `govflow policy replay --export` does.",
            details={"file": str(path), "line": number},
        ) from None


def without_secrets(record: Recorded) -> Recorded:
    """The decision without what may be a secret; whatever is left out counts as erased, so nothing is judged by it."""
    erased = set(record.erased)
    requests = []
    for request in record.requests:
        given = request.attributes.get("parameters", {})
        secret = {name for name, value in given.items() if redact({name: value}) != {name: value}}
        erased |= {f"parameters.{name}" for name in secret}
        if redact_text(request.resource) != request.resource:
            erased.add("resource")
        kept = {name: value for name, value in given.items() if name not in secret}
        attributes = {**request.attributes, "parameters": kept} if secret else request.attributes
        requests.append(replace(request, resource=redact_text(request.resource), attributes=attributes))
    return (
        record
        if erased == set(record.erased)
        else replace(record, requests=tuple(requests), erased=tuple(sorted(erased)))
    )


def write_recorded(path: Path, records: Iterable[Recorded]) -> Iterator[Recorded]:
    """Hand on ``records``, writing each to a file that only this user may read.

    Raises:
        RequestError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")  # `path` may be what the records are read from
    try:
        with part.open("wb") as file:
            part.chmod(0o600)
            for record in records:
                file.write(orjson.dumps(without_secrets(record).to_dict(), default=str) + b"\n")
                yield record
        part.replace(path)
    except OSError as error:
        raise RequestError(
            f"{path} cannot be written: {error.strerror or error}.", mend="Give --export another place."
        ) from None
