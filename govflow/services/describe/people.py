"""Principals, their sessions and keys for people and for programs. No secret is in any of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from govflow.identity import Principal
from govflow.identity.life_times import end_of_session, is_over, session_is_over
from govflow.services.describe.escape import plain, table
from govflow.store.api_keys import ApiKey
from govflow.store.people import KnownPrincipal
from govflow.store.sign_ins import Session


def principal_json(known: KnownPrincipal) -> dict[str, Any]:
    """JSON values of a principal as the store has it."""
    return {
        "name": known.name,
        "kind": known.kind.value,
        "active": known.active,
        "roles": list(known.roles),
        "groups": list(known.groups),
        "email": known.email,
        "issuer": known.issuer,
        "oidc_subject": known.oidc_subject,
        "created_at": known.created_at.isoformat(),
        "created_by": known.created_by,
    }


def key_json(key: ApiKey, now: datetime) -> dict[str, Any]:
    """JSON values of an API key. ``state``: good, revoked or over."""
    return {
        "key_id": key.key_id,
        "principal": key.principal,
        "name": key.name,
        "state": _key_state(key, now),
        "created_at": key.created_at.isoformat(),
        "created_by": key.created_by,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "used_at": key.used_at.isoformat() if key.used_at else None,
    }


def session_json(session: Session) -> dict[str, Any]:
    """JSON values of a session."""
    return {
        "session": session.session_id,
        "principal": session.principal,
        "method": session.method,
        "roles": list(session.roles),
        "groups": list(session.groups),
        "created_at": session.created_at.isoformat(),
        "seen_at": session.seen_at.isoformat(),
        "expires_at": end_of_session(session.expires_at, session.seen_at).isoformat(),
    }


def people_text(people: Sequence[KnownPrincipal]) -> str:
    """A line for each principal."""
    if not people:
        return "nobody yet; `govflow people add NAME --role ROLE` makes somebody known"
    rows = [["name", "kind", "roles", "groups", "signs in by", "state"]]
    rows += [
        [
            one.name,
            one.kind.value,
            _words(one.roles),
            _words(one.groups),
            _way_in(one),
            "active" if one.active else "deactivated",
        ]
        for one in people
    ]
    return "\n".join(table(rows, indent=0))


def principal_text(
    known: KnownPrincipal, whole: Principal | None, sessions: Sequence[Session], keys: Sequence[ApiKey], now: datetime
) -> str:
    """A page about one principal; ``whole`` with what the policy file gives, None for one who was deactivated."""
    since = f"{_shown(known.created_at)} by {known.created_by}"
    lines = [
        f"{known.name} ({known.kind.value}, {'active' if known.active else 'deactivated'})",
        f"  since         {since}",
        f"  in the store  roles: {_words(known.roles)}; groups: {_words(known.groups)}",
    ]
    if whole is not None:
        lines.append(f"  with policy   roles: {_words(whole.roles)}; groups: {_words(whole.groups)}")
    if known.email:
        lines.append(f"  mail          {plain(known.email, 120)}")
    if known.issuer:
        lines.append(f"  signs in as   {plain(known.oidc_subject or '', 120)} at {plain(known.issuer, 120)}")
    if sessions:
        lines += ["", "sessions", *table(_session_rows(sessions, now), indent=2)]
    if keys:
        lines += ["", "keys", *table(_key_rows(keys, now), indent=2)]
    return "\n".join(lines)


def sessions_text(sessions: Sequence[Session], now: datetime) -> str:
    """A line for each session."""
    if not sessions:
        return "nobody is signed in"
    return "\n".join(table(_session_rows(sessions, now), indent=0))


def _session_rows(sessions: Sequence[Session], now: datetime) -> list[list[str]]:
    rows = [["session", "principal", "by", "since", "last seen", "until"]]
    for one in sessions:
        ends = end_of_session(one.expires_at, one.seen_at)
        over = session_is_over(one.expires_at, one.seen_at, one.ended_at, now)
        until = "over" if over else _shown(ends)
        rows.append([one.session_id, one.principal, one.method, _shown(one.created_at), _shown(one.seen_at), until])
    return rows


def _key_rows(keys: Sequence[ApiKey], now: datetime) -> list[list[str]]:
    rows = [["key", "for", "state", "until", "last used"]]
    for key in keys:
        until = _shown(key.expires_at) if key.expires_at else "no end"
        used = _shown(key.used_at) if key.used_at else "never"
        rows.append([key.key_id, plain(key.name, 64), _key_state(key, now), until, used])
    return rows


def _key_state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "over" if is_over(key.expires_at, now) else "good"


def _way_in(known: KnownPrincipal) -> str:
    if known.kind.value == "machine":
        return "key"
    return "provider" if known.issuer else "link"


def _words(words: Sequence[str]) -> str:
    return plain(", ".join(words), 200) or "none"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
