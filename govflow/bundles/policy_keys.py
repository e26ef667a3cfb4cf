"""Keys that sign policies, told apart from those that sign permits wherever one of them is read.

The private file begins with a line that says what it is for, before the PEM block; the reader of permit keys takes none
with such a line, and this one none without. A public key has one member more, ``purpose``, which the reader of permit
keys does not know and therefore refuses, and which this one demands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, NoReturn

from govflow.bundles.strict_json import strict_json
from govflow.errors import KeyFileError
from govflow.permits.keys import Keys, PublicKey, SigningKey

PURPOSE: Final = "govflow-policy"
HEADING: Final = b"govflow policy key: signs policies, and nothing else\n"
_MEND: Final = "govflow policy keygen --key FILE --output policy-keys.json makes a pair of keys."


def to_private_text(key: SigningKey) -> bytes:
    """The form at rest, for the key's own file and nothing else."""
    return HEADING + key.to_pem()


def private_key(data: bytes, where: str) -> SigningKey:
    """Read the private key of a policy key file.

    Raises:
        KeyFileError: it is none; a key that signs permits is not one either.
    """
    if not data.startswith(HEADING):
        _refuse(where, "it is not a key that signs policies")
    try:
        return SigningKey.from_pem(data.removeprefix(HEADING), where)
    except KeyFileError as error:
        raise KeyFileError(error.message, mend=_MEND) from None


def to_public_text(keys: Iterable[PublicKey]) -> str:
    """A JWK set of policy keys as text, sorted by ``kid``."""
    listed = sorted(({**key.to_jwk(), "purpose": PURPOSE} for key in keys), key=lambda jwk: str(jwk["kid"]))
    return json.dumps({"keys": listed}, indent=2, sort_keys=True) + "\n"


def public_keys(text: str, where: str) -> Keys:
    """Read a JWK set of policy keys.

    Raises:
        KeyFileError: it is none, or empty; one key that cannot be used refuses the set.
    """
    try:
        document = strict_json(text)
    except ValueError as problem:
        _refuse(where, f"it is no JSON ({problem})")
    listed = document.get("keys") if isinstance(document, dict) and set(document) == {"keys"} else None
    if not isinstance(listed, list) or not listed:
        _refuse(where, 'it is no JWK set with a key: {"keys": [...]}')
    keys = [_public(jwk, where) for jwk in listed]
    found = {key.kid: key for key in keys}
    if len(found) != len(keys):
        _refuse(where, "it holds a key twice")
    return found


def _public(jwk: object, where: str) -> PublicKey:
    if not isinstance(jwk, dict) or jwk.get("purpose") != PURPOSE:
        _refuse(where, "a key in it is not one that signs policies")
    try:
        return PublicKey.from_jwk({name: value for name, value in jwk.items() if name != "purpose"}, where)
    except KeyFileError as error:
        raise KeyFileError(error.message, mend=_MEND) from None


def _refuse(where: str, why: str) -> NoReturn:
    raise KeyFileError(f"{where} cannot be used: {why}.", mend=_MEND)
