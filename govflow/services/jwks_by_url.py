"""The public keys of an issuer that publishes them at an address.

They are fetched when a token first needs them, and again when they are old or a token names a key that is not among
them: so a key that the issuer takes out counts no more after :data:`LIFE`, and a new one counts at once. Anybody can
send tokens, so an address is asked once in :data:`PAUSE`, whatever they name. Keys that are old and cannot be fetched
do not count.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from govflow.identity.jwk_sets import IssuerKey, issuer_keys
from govflow.identity.jwt_claims import JwtRefused
from govflow.services.fetch_document import FetchRefused, fetch_document
from govflow.telemetry import get_logger

LIFE: Final = timedelta(minutes=10)
PAUSE: Final = timedelta(minutes=1)
_MOST_ADDRESSES: Final = 64  # settings name a few; a process that loads ever new ones forgets the oldest

_log = get_logger(__name__)


@dataclass(slots=True)
class KeysAtAddress:
    """The keys of one address, as they were fetched last."""

    fetch: Callable[[], bytes]
    _keys: tuple[IssuerKey, ...] = ()
    _fetched_at: datetime | None = None
    _asked_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keys(self, kid: str | None, now: datetime) -> tuple[IssuerKey, ...]:
        """The keys, for a token that names ``kid``.

        Raises:
            JwtRefused: they are not known, and cannot be had now.
        """
        with self._lock:
            if self._is_fresh(now) and (kid is None or any(key.kid == kid for key in self._keys)):
                return self._keys
            if not _within(self._asked_at, now, PAUSE):
                self._asked_at = now
                self._ask(now)
            if not self._is_fresh(now):
                raise JwtRefused("keys")
            return self._keys

    def _is_fresh(self, now: datetime) -> bool:
        return _within(self._fetched_at, now, LIFE)

    def _ask(self, now: datetime) -> None:
        try:
            self._keys = issuer_keys(json.loads(self.fetch()))
        except FetchRefused as refused:
            _log.error("jwks.unusable", why=refused.why)
        except (ValueError, RecursionError) as error:
            why = "it is no JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else str(error)
            _log.error("jwks.unusable", why=why)
        else:
            self._fetched_at = now


_known: Final[dict[str, KeysAtAddress]] = {}
_known_lock: Final = threading.Lock()


def fetched_keys(url: str, kid: str | None, now: datetime) -> tuple[IssuerKey, ...]:
    """The keys that an address gives, kept for all that this process checks.

    Args:
        url: from the settings, never from a token: https, or http on this machine.
        kid: that the token names; ``None`` if it names none.
        now: aware.

    Raises:
        JwtRefused: they cannot be had. Why is in the log of the process.
    """
    with _known_lock:
        if url not in _known:
            while len(_known) >= _MOST_ADDRESSES:
                _known.pop(next(iter(_known)))
            _known[url] = KeysAtAddress(lambda: fetch_document(url))
        held = _known[url]
    return held.keys(kid, now)


def _within(then: datetime | None, now: datetime, span: timedelta) -> bool:
    """Whether it was so short a time ago; a clock that was set back makes nothing last longer."""
    return then is not None and timedelta(0) <= now - then < span
