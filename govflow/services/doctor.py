"""Is this installation fit to use? Each check names what it looked at, what it found, and how to mend it.

Nothing is created or changed: a database that is not there yet is only looked for. Prefect and FastAPI are known by
their installed versions; neither is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from govflow.errors import GovflowError, SettingsError
from govflow.policy import PolicyDocument
from govflow.policy.provided import check_agreement, unprovided
from govflow.services.attribute_providers import configured_providers
from govflow.services.check_database import check_database
from govflow.services.check_disk import check_spool
from govflow.services.check_sign_in import ways_in
from govflow.services.health import Finding, Health, skipped
from govflow.services.read_catalogue import read_catalogue
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import Settings, layers, load_settings, unknown_keys

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
_SOON: Final = timedelta(days=14)  # time to find who signs policies


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
            skipped("policy"),
            skipped("effects"),
            skipped("database"),
            skipped("clock"),
            skipped("spool"),
            skipped("signer"),
            skipped("sign-in"),
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


def check_sinks(settings: Settings) -> Iterator[Finding]:
    """Each sink of the settings can be made; whether it takes anything shows when it is sent to."""
    from govflow.services.event_sinks import sink_of

    for name, given in settings.sinks.items():
        try:
            sink_of(given)
        except GovflowError as error:
            yield Finding(f"sink {name}", Health.FAIL, error.message, error.mend)
            continue
        if given.file is not None and not os.access(given.file if given.file.exists() else given.file.parent, os.W_OK):
            words = f"{given.file} cannot be written by this user, so no event reaches it."
            yield Finding(f"sink {name}", Health.FAIL, words, "Make its folder, or name another file.")
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


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split(".")[:3]:
        digits = "".join(letter for letter in part if letter.isdigit())
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)
