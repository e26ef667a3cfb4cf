"""The lock file ``govflow.lock``: the approved plans of a repository's flows, readable in a git diff.

It is JSON with sorted keys, two spaces and a trailing newline::

    {"flows": {"flows/etl.py:etl": {"plan": {...}, "plan_hash": "sha256:..."}}, "version": 1}

A plan is written without what no hash covers and every edit moves: call sites, findings, where an effect stands. Fields
that have their default value are left out. So the same plan gives the same bytes, and only a change of meaning shows in
the diff.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from govflow.errors import CanonicalError, LockError
from govflow.ir.hashing import plan_hash
from govflow.ir.models import Plan

VERSION: Final = 1

_REWRITE: Final = (
    "Take the file of one side of a merge from version control, or remove it; then write it again: govflow lock PATH. "
    "It is not meant to be edited by hand."
)


def plan_key(plan: Plan) -> str:
    """What a flow is known by where its approved plan is looked up: ``<name>@<base name of its file>:<function>``.

    A name alone would let one flow stand in for another of the same name. The path is left out: it differs between
    machines. No two triples have one key: ``@`` and ``%`` of a file's name are percent-encoded, and a function has no
    colon.
    """
    file = plan.file.replace("%", "%25").replace("@", "%40")
    return f"{plan.flow}@{file}:{plan.function}"


@dataclass(frozen=True, slots=True)
class LockedFlow:
    """One approved plan. ``plan_hash`` is the hash of ``plan``; reading and making one check it."""

    plan_hash: str
    plan: Plan

    @classmethod
    def of(cls, plan: Plan) -> LockedFlow:
        """Lock a plan that was read from source.

        Raises:
            CanonicalError: the plan has no hash.
        """
        return cls(plan_hash(plan), plan)


@dataclass(frozen=True, slots=True)
class Lock:
    """The flows of a lock file, by ``<path/of/flow.py>:<function>`` (POSIX path, relative to the lock file)."""

    flows: Mapping[str, LockedFlow] = field(default_factory=lambda: MappingProxyType({}))
    version: int = VERSION

    def with_flow(self, name: str, plan: Plan) -> Lock:
        """This lock with one flow added or replaced.

        Raises:
            ValueError: the name is not ``<path>:<function>``.
        """
        if not _is_name(name):
            raise ValueError(f"{name!r} is not <path/of/flow.py>:<function>")
        return Lock(MappingProxyType({**self.flows, name: LockedFlow.of(plan)}), self.version)


def dump_lock(lock: Lock) -> str:
    """The text of the lock file. Equal plans give equal text.

    Raises:
        LockError: an entry's hash is not that of its plan.
    """
    flows = {}
    for name, flow in lock.flows.items():
        _check_hash(name, flow, "lock")
        flows[name] = {"plan_hash": flow.plan_hash, "plan": _plan_document(flow.plan)}
    return json.dumps({"version": lock.version, "flows": flows}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def load_lock(text: str, where: str) -> Lock:
    """Read and check a lock file.

    Args:
        text: the file's text.
        where: its name, for errors.

    Raises:
        LockError: it is not JSON, has a key twice, is of another version, has an unknown or missing field, or a hash
            that is not the hash of its plan. The message names the file, the field and the mend.
    """
    try:
        raw = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise LockError(f"{where}: not a lock file: {error}", mend=_REWRITE) from None
    if not isinstance(raw, dict):
        raise LockError(f"{where}: not a lock file: expected an object, found {type(raw).__name__}", mend=_REWRITE)
    _check_version(raw, where)
    _check_fields(raw, {"version", "flows"}, where, "")
    flows = raw["flows"]
    if not isinstance(flows, dict):
        raise LockError(f"{where}: flows: expected an object", mend=_REWRITE)
    return Lock(MappingProxyType({name: _locked(name, entry, where) for name, entry in flows.items()}))


def _locked(name: str, entry: object, where: str) -> LockedFlow:
    """One entry of ``flows``."""
    place = f'flows["{name}"]'
    if not _is_name(name):
        raise LockError(f"{where}: {place}: a flow is named <path/of/flow.py>:<function>", mend=_REWRITE)
    if not isinstance(entry, dict):
        raise LockError(f"{where}: {place}: expected an object", mend=_REWRITE)
    _check_fields(entry, {"plan", "plan_hash"}, where, place + ".")
    try:
        plan = Plan.model_validate_json(json.dumps(entry["plan"]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        inner = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise LockError(f"{where}: {place}.plan{inner}: {first['msg']}", mend=_REWRITE) from None
    flow = LockedFlow(str(entry["plan_hash"]), plan)
    _check_hash(name, flow, where)
    return flow


def _check_hash(name: str, flow: LockedFlow, where: str) -> None:
    try:
        actual = plan_hash(flow.plan)
    except CanonicalError as error:
        raise LockError(f'{where}: flows["{name}"].plan: {error.message}', mend=_REWRITE) from None
    if actual != flow.plan_hash:
        raise LockError(
            f'{where}: flows["{name}"].plan_hash: {flow.plan_hash} is not the hash of the plan beside it, '
            f"which is {actual}: one of the two was edited",
            mend="Take it from version control; or remove it, lock again (govflow lock PATH) and have it approved.",
            details={"flow": name, "written": flow.plan_hash, "recomputed": actual},
        )


def _check_version(raw: Mapping[str, Any], where: str) -> None:
    version = raw.get("version")
    if type(version) is not int or version != VERSION:
        found = "no version" if version is None else f"version {version!r}"
        raise LockError(
            f"{where}: version: this govflow reads version {VERSION}, the file has {found}",
            mend="Use the govflow that wrote it, or remove it and write it again: govflow lock PATH.",
        )


def _check_fields(raw: Mapping[str, Any], expected: set[str], where: str, place: str) -> None:
    for name in sorted(raw.keys() - expected):
        known = " and ".join(sorted(expected))
        raise LockError(f"{where}: {place}{name}: unknown field; there are {known}", mend=_REWRITE)
    for name in sorted(expected - raw.keys()):
        raise LockError(f"{where}: {place}{name}: missing", mend=_REWRITE)


def _is_name(name: str) -> bool:
    path, colon, function = name.rpartition(":")
    return bool(path and colon and function)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: JSON lets the last one win, so that a reader sees what no check saw."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key!r} stands twice in one object")
        made[key] = value
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_NOT_WRITTEN: Final[Any] = {
    "findings": True,
    "steps": {"__all__": {"sites": True, "unseen": True, "effects": {"__all__": {"detail": True, "site": True}}}},
}
"""What no hash covers: every edit would move it."""


def _plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as the file has it; edges sorted, steps in source order."""
    document = plan.model_dump(mode="json", exclude=_NOT_WRITTEN, exclude_defaults=True)
    if "edges" in document:
        document["edges"] = sorted(document["edges"], key=lambda edge: sorted(edge.items()))
    return document
