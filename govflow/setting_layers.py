"""The places that settings are read from: the environment, and two files above the working directory.

Nothing is checked here but that a file can be read. What is written in a file is relative to that file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from govflow.errors import SettingsError

PREFIX: Final = "GOVFLOW_"
OWN_PREFIX: Final = "GOVFLOW__"
BLOCK: Final = "block:"
"""Before the name of a policy that the engine's server keeps, where the path of a file may stand."""
_TABLES: Final = (("pyproject.toml", ("tool", "govflow")), ("prefect.toml", ("integrations", "govflow")))
_PATHS: Final = frozenset({"policy", "policy_keys", "lock", "signing_key", "permit_keys"})


@dataclass(frozen=True, slots=True)
class Layer:
    """The settings that one place gives. ``places`` says, for each key, what to call the place in an error."""

    place: str
    values: Mapping[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, key: str) -> str:
        """How a person finds ``key`` in this place."""
        return self.places.get(key, f"{self.place}: {key}")


def environment(environ: Mapping[str, str], known: Collection[str]) -> Layer:
    """What variables give; an empty one of a ``known`` setting gives nothing."""
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name, value in environ.items():
        if not name.upper().startswith(PREFIX) or name.upper().startswith(OWN_PREFIX):
            continue
        key = name[len(PREFIX) :].lower()
        if value == "" and key in known:
            continue  # the usual way of a shell to say "not set"
        values[key] = value
        places[key] = f"environment variable {name}"
    return Layer("environment", values, places)


def file_layers(start: Path) -> Iterator[Layer]:
    """The files that give settings to a process whose working directory is ``start``, strongest first.

    Raises:
        SettingsError: a file cannot be read.
    """
    for file_name, keys in _TABLES:
        for folder in upward(start):
            file = folder / file_name
            table = _table(file, keys) if file.is_file() else None
            if table is not None:
                place = f"{file} [{'.'.join(keys)}]"
                yield Layer(place, {key: _anchored(key, value, folder) for key, value in table.items()})
                break


def upward(start: Path) -> Iterator[Path]:
    """``start`` and the folders above it, up to the top of the git repository if there is one."""
    for folder in (start, *start.parents):
        yield folder
        if (folder / ".git").exists():
            return


def _table(file: Path, keys: tuple[str, ...]) -> Mapping[str, Any] | None:
    try:
        value: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {error}",
            mend="Mend the file; settings are read from it.",
            details={"place": str(file)},
        ) from error
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            return None
    if not isinstance(value, Mapping):
        raise SettingsError(f"{file}: {'.'.join(keys)} must be a table.", mend=f"Write [{'.'.join(keys)}].")
    return value


def listed(value: object) -> object:
    """One text, or several with commas between them: what an environment variable can hold."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def by_layer(value: object) -> object:
    """``org=company.yaml,flow=flights.yaml``: what an environment variable can hold."""
    if not isinstance(value, str):
        return value
    named = [part.partition("=") for part in value.split(",") if part.strip()]
    if any(not mark for _, mark, _ in named):
        raise ValueError("write LAYER=FILE with commas between them")
    if len({layer.strip() for layer, _, _ in named}) < len(named):
        raise ValueError("a layer stands there twice")
    return {layer.strip(): path.strip() for layer, _, path in named}


def _anchored(key: str, value: Any, folder: Path) -> Any:
    if key == "policy" and isinstance(value, str) and value.startswith(BLOCK):
        return value
    if key in _PATHS and isinstance(value, str) and value:
        return folder / Path(value).expanduser()
    if key == "effects" and isinstance(value, str | list):
        found = listed(value)
        assert isinstance(found, list)
        return [folder / Path(item).expanduser() if isinstance(item, str) and item else item for item in found]
    if key == "jwt_issuers" and isinstance(value, Mapping):
        return {issuer: _with_key_file(one, folder) for issuer, one in value.items()}
    if key == "policy_layers" and isinstance(value, str | Mapping):
        return _layers_from(value, folder)
    if key == "database_url" and isinstance(value, str):
        return anchor_sqlite(value, folder)
    return value


def _with_key_file(issuer: Any, folder: Path) -> Any:
    """The keys of an issuer lie where the file that names them lies."""
    if not isinstance(issuer, Mapping) or not isinstance(issuer.get("jwks"), str):
        return issuer
    return {**issuer, "jwks": folder / Path(issuer["jwks"]).expanduser()}


def _layers_from(value: Any, folder: Path) -> Any:
    try:
        named: Any = by_layer(value)
    except ValueError:
        return value  # whoever checks it says what is wrong with it
    return {layer: _anchored("policy", path, folder) for layer, path in named.items()}


def anchor_sqlite(url: str, folder: Path | None) -> str:
    """Expand ``~`` in a SQLite URL; make its path absolute when a folder is given. Other URLs pass."""
    head, found, rest = url.partition(":///")
    path, mark, query = rest.partition("?")
    if not found or head.partition("+")[0] != "sqlite" or not path or path.startswith((":memory:", "file:")):
        return url
    expanded = Path(path).expanduser()
    return f"{head}:///{(folder / expanded if folder else expanded).as_posix()}{mark}{query}"
