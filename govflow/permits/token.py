"""The signed form of a permit: a JSON Web Token (RFC 7519) of one form, with one algorithm, for one use.

PyJWT checks signature, issuer and audience. What it is lax about is checked here first: it takes padded base64, other
header members, and every algorithm of a list. The dates are ours too, since this floor has no clock.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

import jwt
from jwt.types import Options
from pydantic import ValidationError

from govflow.errors import PermitExpired, PermitInvalid
from govflow.permits.keys import ALGORITHM, Keys, PublicKey, SigningKey, decoded
from govflow.permits.models import MAX_LIFE, Permit

TYPE: Final = "govflow-permit+jwt"
ISSUER: Final = "govflow-signer"
AUDIENCE: Final = "govflow-worker"
SKEW: Final = timedelta(seconds=60)
"""How far the clock of a worker may be behind that of the signer. A permit never lives longer for it."""

_REQUIRED: Final = ("iss", "aud", "sub", "jti", "iat", "nbf", "exp")
_CLAIMS: Final = {"sub": "run_id", "jti": "jti"}
_DATES: Final = {"iat": "issued_at", "exp": "expires_at"}
_OWN: Final = tuple(
    name for name in Permit.model_fields if name not in {*_CLAIMS.values(), *_DATES.values()}
)  # under their own names


def mint(permit: Permit, key: SigningKey) -> str:
    """Sign ``permit``. The same permit and key give the same text."""
    said = permit.model_dump(mode="json")
    issued = int(permit.issued_at.timestamp())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": permit.run_id,
        "jti": permit.jti,
        "iat": issued,
        "nbf": issued,
        "exp": int(permit.expires_at.timestamp()),
        **{name: said[name] for name in _OWN},
    }
    return jwt.encode(claims, key.signer(), ALGORITHM, headers={"typ": TYPE, "kid": key.kid})


def verify(token: str, keys: Keys, now: datetime, *, run_id: str, tenant: str, over: bool = False) -> Permit:
    """The permit that ``token`` signs, if it counts at ``now`` for that run.

    Args:
        token: as it was found.
        keys: public keys by ``kid``; no other key counts, and nothing in the token can bring one.
        now: aware.
        run_id: the run that wants to execute something.
        tenant: whose run that is.
        over: take one whose time is over too. For renewing it, never for letting something run.

    Raises:
        PermitInvalid: not signed by one of the keys, not of our form, or for something else. ``details["cause"]`` says
            which.
        PermitExpired: it counted once.
    """
    key = _key_of(token, keys, now)
    permit = _permit_of(_claims(token, key))
    if permit.run_id != run_id or permit.tenant != tenant:
        _refuse("other-run", "it is for another run")
    if permit.issued_at > now + SKEW:
        _refuse("not-yet", "it counts from a later time on; compare the clocks of this machine and the signer's")
    if now >= permit.expires_at and not over:
        raise PermitExpired(
            f"The permit of run {run_id} ended at {permit.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
            mend="A run that goes on renews it; where the process of the flow or the signer is gone, start it again.",
            details={"jti": permit.jti},
        )
    return permit


def _key_of(token: str, keys: Keys, now: datetime) -> PublicKey:
    """The key that the header names. The header chooses among known keys, and chooses nothing else."""
    parts = token.split(".")
    if len(parts) != 3:
        _refuse("form", "it is no signed token")
    try:
        head, _, _ = [decoded(part) for part in parts]
        header = json.loads(head)
    except (ValueError, RecursionError):
        _refuse("form", "it is no signed token in its one spelling")
    if not isinstance(header, dict) or set(header) != {"alg", "kid", "typ"}:
        _refuse("header", "its header is not that of a permit")
    if header["alg"] != ALGORITHM or header["typ"] != TYPE:
        _refuse("header", "its header is not that of a permit")
    key = keys.get(header["kid"]) if isinstance(header["kid"], str) else None
    if key is None or not key.trusted_at(now):
        _refuse("key", "this machine does not know, or no longer trusts, the key that it names")
    return key


def _claims(token: str, key: PublicKey) -> dict[str, Any]:
    options: Options = {
        "require": list(_REQUIRED),
        "strict_aud": True,
        "verify_exp": False,  # the dates are compared with `now` by the caller
        "verify_nbf": False,
        "verify_iat": False,
    }
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.verifier(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options=options,
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        _refuse("signature", "its signature, issuer or audience is not that of a signer whom this machine knows")
    return claims


def _permit_of(claims: dict[str, Any]) -> Permit:
    if set(claims) != {*_REQUIRED, *_OWN} or claims["nbf"] != claims["iat"]:
        _refuse("claims", "it does not say what a permit says")
    fields = {name: claims[name] for name in _OWN}
    fields.update({name: claims[claim] for claim, name in _CLAIMS.items()})
    try:
        for claim, name in _DATES.items():
            if type(claims[claim]) is not int:
                raise ValueError(claim)
            fields[name] = datetime.fromtimestamp(claims[claim], UTC).isoformat()
        return Permit.model_validate_json(json.dumps(fields))
    except (ValidationError, ValueError, OverflowError, OSError):
        _refuse("claims", f"it does not say what a permit says, or lives longer than {MAX_LIFE.days} day")


def _refuse(cause: str, why: str) -> NoReturn:
    raise PermitInvalid(
        f"This is no permit that counts here: {why}.",
        mend="govflow permits show RUN says what was issued; govflow keys list which keys sign.",
        details={"cause": cause},
    )
