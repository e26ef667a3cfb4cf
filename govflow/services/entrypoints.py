"""Entrypoints of deployments: which file, which function. Nothing is imported to find out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from govflow.errors import InputError, RequestError, SourceError

MEND = "Write it as path/to/file.py:flow_function, relative to the folder that the code is in."


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """A flow function in a file."""

    text: str  # as it was written
    file: Path
    function: str


def parse_entrypoint(text: str, folder: Path) -> Entrypoint:
    """``path/to/file.py:function``, or ``package.module.function`` of a module in ``folder``.

    Raises:
        SourceError: there is no such file.
        RequestError: the text is no entrypoint.
    """
    path, colon, function = text.rpartition(":")
    if colon:
        file = folder / Path(path).expanduser()
        candidates = [file]
    else:
        module, _, function = text.rpartition(".")
        parts = module.split(".")
        candidates = [
            base.joinpath(*parts).with_suffix(".py") if leaf is None else base.joinpath(*parts, leaf)
            for base in (folder, folder / "src")
            for leaf in (None, "__init__.py")
        ]
        path = module
    if not path or not function:
        raise RequestError(f"{text!r} is no entrypoint.", mend=MEND)
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        raise SourceError(f"{text}: there is no such file in {folder}.", mend=MEND, details={"entrypoint": text})
    return Entrypoint(text, found, function)


def only_entrypoint(prefect_file: Path) -> str:
    """The entrypoint of a ``prefect.yaml`` whose deployments have one and the same.

    Raises:
        RequestError: there is none, or more than one: a build step is not told which deployment it is run for.
        InputError: the file cannot be read.
    """
    named = {one["entrypoint"] for one in deployments_of(prefect_file) if isinstance(one.get("entrypoint"), str)}
    if len(named) == 1:
        return str(named.pop())
    what = f"{prefect_file} has {len(named)} entrypoints" if named else f"{prefect_file} has no entrypoint"
    raise RequestError(
        f"verify is not told which flow is deployed: {what}.",
        mend="Say it in each deployment's own build section: govflow.prefect.steps.verify: {entrypoint: …}",
        details={"entrypoints": sorted(named)},
    )


def deployments_of(prefect_file: Path) -> list[Mapping[str, Any]]:
    """The deployments that a ``prefect.yaml`` lists.

    Raises:
        InputError: it cannot be read.
    """
    try:
        document = yaml.safe_load(prefect_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{prefect_file} cannot be read: {error}.", mend="Give verify an entrypoint.") from None
    listed = document.get("deployments") if isinstance(document, Mapping) else None
    return [one for one in listed or () if isinstance(one, Mapping)]
