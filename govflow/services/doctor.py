"""Is this installation fit to use? Each check names what it looked at, what it found, and how to mend it.

Nothing is created or changed: a database that is not there yet is only looked for. Prefect and FastAPI are known by
their installed versions; neither is imported.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from govflow.audit.body import parse_body
from govflow.errors import GovflowError, SettingsError
from govflow.policy import PolicyDocument
from govflow.policy.provided import check_agreement, unprovided
from govflow.services.attribute_providers import configured_providers
from govflow.services.check_sign_in import ways_in
from govflow.services.enough_approvers import lacking
from govflow.services.read_catalogue import read_catalogue
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings, layers, load_settings, unknown_keys

if TYPE_CHECKING:
    from govflow.store.reviews import Review
    from govflow.store.seals import Unsealed

PYTHON: Final = (3, 11)
SUPPORTED: Final[Mapping[str, tuple[str, str]]] = {
    "prefect": ("3.8.8", "3.10"),
    "fastapi": ("0.139", "0.151"),
    "sqlalchemy": ("2.0", "2.1"),
}
"""From the first version to before the second: those that work together."""

INSTALL: Final = "pip install 'prefect>=3.8.8,<3.10' 'fastapi>=0.139,<0.151' 'sqlalchemy>=2.0,<2.1'"
_TOO_NEW: Final = {
    "prefect": "govflow was not tested with it and refuses to guard it",
    "fastapi": "the server of Prefect 3.8 cannot start with it",
    "sqlalchemy": "a server of Prefect 3.8 schedules no run of any deployment with it",
}
_BEGAN: Final = datetime(2025, 1, 1, tzinfo=UTC)  # no clock that is right is before this
_SKEW: Final = timedelta(minutes=1)
_SEALED_WITHIN: Final = timedelta(days=1)
_SOON: Final = timedelta(days=14)  # time to find who signs policies
_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})


class Health(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"  # works, with a limit that one should know
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. ``mend`` is empty when there is nothing to do."""

    name: str
    health: Health
    what: str
    mend: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON values."""
        return {key: str(value) for key, value in asdict(self).items()}


def examine(now: datetime, installed: Callable[[str], str | None] | None = None) -> list[Finding]:
    """Run every check.

    Args:
        now: the time, aware.
        installed: the installed version of a distribution, None when it is missing.
    """
    found = [check_python(sys.version_info[:3]), *check_engine(installed or installed_version)]
    settings, problems = check_settings()
    found += problems
    if settings is None:
        return [
            *found,
            _skipped("policy"),
            _skipped("effects"),
            _skipped("database"),
            _skipped("clock"),
            _skipped("spool"),
            _skipped("signer"),
            _skipped("sign-in"),
        ]
    workspace, policy = check_policy(settings)
    found.append(policy)
    if workspace is not None:
        found += check_attributes(settings, workspace.document)
        found += check_signature(workspace, now)
    found.append(check_effects(settings))
    found += check_database(settings, workspace, now)
    found.append(check_spool(settings))
    found.append(check_signer(settings))
    found += check_sinks(settings)
    found.append(check_sign_in(settings))
    return found


def check_sign_in(settings: Settings) -> Finding:
    """Every way in that the settings name can be used."""
    try:
        return Finding("sign-in", Health.OK, ways_in(settings))
    except SettingsError as error:
        return Finding("sign-in", Health.FAIL, error.message, error.mend)


def check_python(running: tuple[int, ...]) -> Finding:
    """Python is new enough."""
    text = ".".join(map(str, running))
    if running[:2] < PYTHON:
        return Finding("python", Health.FAIL, f"Python {text} is too old.", "Use Python 3.11 or newer.")
    return Finding("python", Health.OK, f"Python {text}")


def installed_version(name: str) -> str | None:
    """The installed version of a distribution, without importing it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def check_engine(installed: Callable[[str], str | None]) -> Iterator[Finding]:
    """Prefect with what its server stands on: a plain install of Prefect takes versions that it does not work with."""
    found = {name: installed(name) for name in SUPPORTED}
    if found["prefect"] is None:
        yield Finding(
            "prefect",
            Health.WARN,
            "Prefect is not installed: plan, lock, diff, check, approvals and audit work; governed runs do not.",
            INSTALL,
        )
        return
    for name, (low, high) in SUPPORTED.items():
        have = found[name]
        if have is None:
            yield Finding(name, Health.FAIL, f"{name} is not installed, and Prefect needs it.", INSTALL)
        elif not _numbers(low) <= _numbers(have) < _numbers(high):
            newer = _numbers(have) >= _numbers(high)
            reason = _TOO_NEW[name] if newer or name == "prefect" else "Prefect needs a newer one"
            # The server may be on another machine; runs here do not need it to schedule.
            worst = Health.WARN if name == "sqlalchemy" else Health.FAIL
            yield Finding(name, worst, f"{name} {have} is outside >={low},<{high}: {reason}.", INSTALL)
        else:
            yield Finding(name, Health.OK, f"{name} {have}")


def check_settings() -> tuple[Settings | None, list[Finding]]:
    """Every setting is known and usable. All unknown keys are named, not only the first."""
    try:
        unknown = [problem for layer in layers() for problem in unknown_keys(layer)]
        if not unknown:
            settings = load_settings()
            said = f"mode {settings.effective_mode}, environment {settings.environment}, tenant {settings.tenant}"
            places = [layer.place for layer in layers() if layer.values]
            nowhere = f"defaults: no GOVFLOW_ variable, and no settings file in {Path.cwd()} or above it"
            return settings, [Finding("settings", Health.OK, f"{said}; from {', '.join(places) or nowhere}")]
    except SettingsError as error:
        unknown = [error]
    return None, [Finding("settings", Health.FAIL, error.message, error.mend) for error in unknown]


def check_policy(settings: Settings) -> tuple[Workspace | None, Finding]:
    """The policy file loads, with its approval rules, people and tier rules."""
    try:
        workspace = open_workspace(settings.model_copy(update={"effects": ()}))  # those have a check of their own
    except GovflowError as error:
        return None, Finding("policy", Health.FAIL, error.message, error.mend)
    document = workspace.document
    what = f"{document.policy.name}: {len(document.policy.rules)} rules, {document.digest} ({document.where})"
    if not workspace.explicit:
        mend = "Set GOVFLOW_POLICY to a policy file of your own when you know what you want to stop."
        return workspace, Finding(
            "policy", Health.OK, f"no policy is configured; the starter policy holds: {what}", mend
        )
    for layer, part in document.layers.items():
        what += f"; layer {layer}: {part.policy.name}, {len(part.policy.rules)} rules, {part.digest}"
    return workspace, Finding("policy", Health.OK, what)


def check_signature(workspace: Workspace, now: datetime) -> list[Finding]:
    """Who signed the policy and until when it counts; nothing where the policy need not be signed."""
    signed = None if workspace.reading is None else workspace.reading.signed
    if signed is None:
        return []
    what = f"signed by {signed.made_by} at {signed.made_at:%Y-%m-%d %H:%M} UTC with key {signed.kid}"
    if signed.ends_at is None:
        return [Finding("signature", Health.OK, what)]
    what += f"; from {signed.ends_at:%Y-%m-%d %H:%M} UTC on it counts no more, and nothing runs"
    health = Health.WARN if signed.ends_at - now < _SOON else Health.OK
    return [Finding("signature", health, what, "" if health is Health.OK else "Sign it anew: govflow policy bundle")]


def check_attributes(settings: Settings, document: PolicyDocument) -> list[Finding]:
    """Whoever is to give attributes can be loaded, and each attribute that a rule reads is given by somebody."""
    try:
        providers = configured_providers(settings).all
        check_agreement(document, providers)
    except GovflowError as error:
        return [Finding("attributes", Health.FAIL, error.message, error.mend)]
    found = [Finding("attributes", Health.WARN, one.message, one.mend) for one in unprovided(document, providers)]
    if providers and not found:
        given = "; ".join(f"{one.name} gives {', '.join(sorted(one.provides))}" for one in providers)
        found.append(Finding("attributes", Health.OK, given))
    return found


def check_effects(settings: Settings) -> Finding:
    """Every catalogue of effects that is configured can be read."""
    try:
        catalogue = read_catalogue(settings.effects)
    except GovflowError as error:
        return Finding("effects", Health.FAIL, error.message, error.mend)
    files = ", ".join(str(path) for path in reversed(settings.effects))
    return Finding("effects", Health.OK, f"{files or 'no file'} on top of the catalogue that ships, {catalogue.digest}")


def check_database(settings: Settings, workspace: Workspace | None, now: datetime) -> list[Finding]:
    """The database opens with a schema that this version knows, and its newest record is not from the future."""
    from govflow.store.location import is_there  # SQLAlchemy is imported for those who ask

    clock = _clock(now, None)
    path = sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        return [_not_there_yet(path), clock]
    if workspace is None:
        return [_skipped("database"), clock]
    try:
        if not is_there(settings.database_url):
            return [_no_tables_yet(settings.redacted_url), clock]
        newest = [_at(entry.body) for entry in workspace.store.tail(settings.tenant, 1)]
        overdue = workspace.store.reviews.list(settings.tenant, due_by=now)
        few = lacking(workspace)
        unsealed = workspace.store.seals.unsealed(settings.tenant)
        witnesses = list(_witnesses(workspace))
    except GovflowError as error:
        return [Finding("database", Health.FAIL, error.message, error.mend), clock]
    finally:
        workspace.close()
    opened = Finding("database", Health.OK, f"{settings.redacted_url} opens; its schema is current")
    clock = _clock(now, next(iter(newest), None))
    return [opened, clock, *_checkpoint(unsealed, now), *witnesses, *_overdue(overdue), *_too_few(few)]


def _checkpoint(unsealed: Unsealed, now: datetime) -> Iterator[Finding]:
    """Records that could be rewritten unseen, since nobody signed them for a day."""
    if unsealed.since is not None and now - unsealed.since > _SEALED_WITHIN:
        since = f"{unsealed.since:%Y-%m-%d %H:%M} UTC"
        what = f"{unsealed.records} record(s) of the audit log, from {since} on, are not sealed"
        mend = "govflow audit checkpoint makes one; with signer=process the signer must run: govflow up"
        yield Finding("checkpoint", Health.WARN, what, mend)


def _witnesses(workspace: Workspace) -> Iterator[Finding]:
    """Whether those who are to cosign checkpoints answer, and what each has cosigned."""
    from govflow.services.check_witnesses import see_witnesses  # cryptography is imported for those who ask

    try:
        for one in see_witnesses(workspace):
            yield Finding(f"witness {one.name}", Health.WARN if one.mend else Health.OK, one.what, one.mend)
    except SettingsError as error:
        yield Finding("witnesses", Health.FAIL, error.message, error.mend)


def _overdue(reviews: Sequence[Review]) -> Iterator[Finding]:
    """What people let run alone in an emergency, and nobody has looked at in time."""
    if reviews:
        named = ", ".join(
            f"{one.request_id} (by {one.principal}, due {one.due_at:%Y-%m-%d %H:%M} UTC)" for one in reviews
        )
        what = f"{len(reviews)} emergency approval(s) wait for a review that is overdue: {named}"
        mend = "Somebody who had no part in it: govflow approvals review ID --as NAME --finding TEXT"
        yield Finding("reviews", Health.WARN, what, mend)


def _too_few(lacking: Mapping[str, str]) -> Iterator[Finding]:
    """Approval rules whose steps are denied, because nobody could ever answer."""
    for name, why in lacking.items():
        mend = f"Name more people under approvals.{name}, or give more the role: govflow people change NAME --role ROLE"
        yield Finding("approvers", Health.WARN, why, mend)


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for other databases and for one in memory."""
    head, _, rest = url.partition(":///")
    path = rest.partition("?")[0]
    return Path(path) if head.startswith("sqlite") and path and path != ":memory:" else None


def check_spool(settings: Settings) -> Finding:
    """Records that wait for the database lie on a disk that this process can write and that outlives it."""
    from govflow.store.location import beside_database  # SQLAlchemy is imported for those who ask

    if settings.spool == "direct":
        return Finding("spool", Health.OK, "records go straight to the database (spool=direct)")
    try:
        folder = _existing(beside_database(settings.database_url, ".spool").parent)
    except GovflowError as error:
        return Finding("spool", Health.FAIL, error.message, error.mend)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("spool", Health.FAIL, f"{folder} cannot be written: {error}.", f"Give this user {folder}.")
    kind = filesystem(folder)
    if kind in _VOLATILE:
        what = f"{folder} is on {kind}, a file system that may die with its container."
        return Finding("spool", Health.WARN, what, "Set GOVFLOW_SPOOL=direct, or put the database on a volume.")
    return Finding("spool", Health.OK, f"{folder} can be written")


def check_sinks(settings: Settings) -> Iterator[Finding]:
    """Each sink of the settings can be made; whether it takes anything shows when it is sent to."""
    from govflow.services.event_sinks import sink_of

    for name, given in settings.sinks.items():
        try:
            sink_of(given)
        except GovflowError as error:
            yield Finding(f"sink {name}", Health.FAIL, error.message, error.mend)
        else:
            yield Finding(f"sink {name}", Health.OK, "it can be made; events that do not reach it are counted and said")


def check_signer(settings: Settings) -> Finding:
    """Who signs permits, whether they can, and with which keys permits are checked."""
    from govflow.services.ask_signer import signer_runs  # cryptography is imported for those who ask
    from govflow.services.key_files import read_public_keys, read_signing_key, signing_key_file

    try:
        if settings.permit_keys is None:
            checked = "permits are checked with the keys that the database holds"
        else:
            held = len(read_public_keys(settings.permit_keys))
            checked = f"permits are checked with {held} key(s) of {settings.permit_keys}"
        if settings.signer == "process":
            if signer_runs(settings):
                return Finding("signer", Health.OK, f"a process of its own signs permits, and runs; {checked}")
            what = f"a process of its own signs permits, and none runs on this machine; {checked}"
            return Finding("signer", Health.WARN, what, "Start it: govflow up, or govflow signer.")
        file = signing_key_file(settings)
        what = "flows sign their own permits (signer=embedded): code that a flow runs can read the key"
        try:
            key = f"key {read_signing_key(file).kid}"
        except FileNotFoundError:
            key = f"{file} is made by the first permit"
    except GovflowError as error:
        return Finding("signer", Health.FAIL, error.message, error.mend)
    mend = "GOVFLOW_SIGNER=process and govflow up keep the key out of the flows' processes."
    return Finding("signer", Health.OK, f"{what}; {key}; {checked}", mend)


def filesystem(folder: Path, mounts: str | None = None) -> str | None:
    """The kind of file system that holds ``folder``; None where the system does not say.

    Args:
        folder: an existing folder.
        mounts: text in the form of ``/proc/mounts``; without it that file is read.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    real = os.path.realpath(folder)
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and (best is None or len(point) >= best[0]):
            best = (len(point), words[2])
    return best[1] if best else None


def _clock(now: datetime, newest: datetime | None) -> Finding:
    shown = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    mend = "Set the clock (NTP): approvals expire by it and records are dated by it."
    if now < _BEGAN:
        return Finding("clock", Health.FAIL, f"It says {shown}, which is in the past.", mend)
    if newest is not None and newest > now + _SKEW:
        ahead = newest.strftime("%Y-%m-%d %H:%M:%S UTC")
        return Finding("clock", Health.FAIL, f"It says {shown}, and the log's newest record is of {ahead}.", mend)
    return Finding("clock", Health.OK, shown)


def _at(body: bytes) -> datetime | None:
    """When a record was made; None when it cannot be read, which ``audit verify`` explains."""
    try:
        return datetime.fromisoformat(parse_body(body)["at"])
    except ValueError:
        return None


def _not_there_yet(path: Path) -> Finding:
    folder = _existing(path.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        mend = f"Give this user {folder}, or set GOVFLOW_DATABASE_URL."
        return Finding("database", Health.FAIL, f"{path} is not there and {folder} cannot be written.", mend)
    return Finding("database", Health.OK, f"{path} is not there yet; the first governed run creates it")


def _no_tables_yet(url: str) -> Finding:
    return Finding("database", Health.OK, f"{url} answers and has no tables of govflow yet; the first run makes them")


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _skipped(name: str) -> Finding:
    return Finding(name, Health.WARN, "not checked: what it needs is broken", "Mend the failures above first.")


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split(".")[:3]:
        digits = "".join(letter for letter in part if letter.isdigit())
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """The report as one JSON document."""
    worst = max((finding.health for finding in findings), key=list(Health).index, default=Health.OK)
    return {"health": str(worst), "checks": [finding.to_dict() for finding in findings]}
