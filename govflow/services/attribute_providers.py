"""Who gives attributes to the runs of this process: what the setting names, and what Python code registered.

A provider is code. It is named, and not merely found: that a package is installed does not mean that it may take part
in decisions. Only what governs runs loads it, and ``govflow doctor``. Commands that read a repository do not: one that
names code in its settings could run it by being scanned.
"""

from __future__ import annotations

import threading
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

from govflow.errors import PolicyError
from govflow.governor.providers import AttributeProvider, Providers
from govflow.settings import Settings

GROUP: Final = "govflow.attributes"
"""The group of entry points in which packages offer providers."""

_registered: list[AttributeProvider] = []
_lock = threading.Lock()


def register(provider: AttributeProvider) -> None:
    """Let the runs of this process that open from now on ask ``provider``; one of the same name is replaced."""
    with _lock:
        _registered[:] = [one for one in _registered if one.name != provider.name] + [provider]


def registered() -> tuple[AttributeProvider, ...]:
    """What :func:`register` was given, the oldest first."""
    with _lock:
        return tuple(_registered)


def configured_providers(settings: Settings) -> Providers:
    """All that runs of this process ask.

    Raises:
        PolicyError: one that the setting names cannot be loaded, or two give the same path.
    """
    named = [_loaded(name) for name in settings.attribute_providers]
    return Providers([*named, *registered()])


def _loaded(name: str) -> AttributeProvider:
    try:
        found = _module_object(name) if ":" in name else _entry_point(name)
        provider = found if isinstance(found, AttributeProvider) else found()
    except PolicyError:
        raise
    except (Exception, SystemExit) as error:
        # Texts of other exceptions may quote what their code works with, and that may be a secret.
        said = f": {error}" if isinstance(error, ImportError | AttributeError | SyntaxError) else ""
        raise _unusable(name, f"it cannot be loaded: {type(error).__name__}{said}") from error
    if not isinstance(provider, AttributeProvider):
        raise _unusable(name, f"it is {type(provider).__name__}, and no AttributeProvider")
    return provider


def _module_object(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _entry_point(name: str) -> Any:
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if len(found) != 1:
        known = ", ".join(sorted({point.name for point in entry_points(group=GROUP)})) or "none"
        many = "several packages offer it" if found else f"no package offers it; offered are: {known}"
        raise _unusable(name, many)
    return found[0].load()


def _unusable(name: str, why: str) -> PolicyError:
    return PolicyError(
        f"Setting attribute_providers: {name}: {why}.",
        mend=f"Name an entry point of the group {GROUP}, or MODULE:OBJECT of an AttributeProvider.",
        details={"provider": name},
    )
