"""Signing a policy file, and the keys that do it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from govflow.bundles import SignedPolicy, make_bundle, open_bundle, private_key, to_private_text, to_public_text
from govflow.errors import KeyFileError, RequestError
from govflow.permits.keys import PublicKey, SigningKey
from govflow.services.key_files import key_folder, read_signing_key, write_new_key
from govflow.services.read_policy import BUNDLE, is_bundle, policy_keys, take_policy
from govflow.services.regular_file import read_regular


def make_policy_key(file: Path) -> PublicKey:
    """Make a key that signs policies, in a file that only this user can read; its public half.

    Raises:
        KeyFileError: the file is there already, or cannot be written.
    """
    file = file.absolute()
    with key_folder(file):
        if file.exists():
            raise KeyFileError(
                f"{file} is there already; a key is not written over.",
                mend="Name another file; workers are given the public keys of both until the old one signs no more.",
            )
        return write_new_key(file, to_private_text).public


def public_set(*keys: PublicKey) -> str:
    """The JWK set that ``policy_keys`` names, as text."""
    return to_public_text(keys)


def read_policy_key(file: Path) -> SigningKey:
    """The private key of a policy key file.

    Raises:
        KeyFileError: it is not there, others can read it, or it is no key that signs policies.
    """
    try:
        return read_signing_key(file, private_key)
    except FileNotFoundError:
        raise KeyFileError(f"There is no key file {file}.", mend=f"govflow policy keygen --key {file}") from None


def bundle_policy(
    file: Path, key: SigningKey, *, made_by: str, made_at: datetime, expires_at: datetime | None = None
) -> tuple[str, SignedPolicy]:
    """The signed bundle of a policy file and all that it imports, as text, and as others will find it.

    Raises:
        PolicyError: the policy cannot be used, or imports a file by an absolute path.
        RequestError: it is a bundle already, would have expired, or nobody answers for it.
    """
    if is_bundle(file):
        raise RequestError(f"{file} is a bundle already.", mend="Name the YAML or TOML file that it was made of.")
    if not made_by.strip():
        raise RequestError("Nobody is said to answer for the bundle.", mend="Give a name: --as NAME")
    if expires_at is not None and expires_at <= made_at:
        raise RequestError(
            f"A bundle that expires at {expires_at:%Y-%m-%d %H:%M} UTC has expired.", mend="Name a later time."
        )
    texts = take_policy(file).texts
    folder = os.path.dirname(file) or "."
    files = {Path(os.path.relpath(path, folder)).as_posix(): text for path, text in texts.items()}
    text = make_bundle(files, key, made_by=made_by, made_at=made_at, expires_at=expires_at)
    return text, open_bundle(text, str(file), {key.kid: key.public}, made_at)


def write_bundle(text: str, file: Path) -> None:
    """Put a bundle in place as a whole: whoever reads meanwhile gets the one before, or this one.

    Raises:
        RequestError: it cannot be written, or its name does not end as that of a bundle.
    """
    if not is_bundle(file):
        raise RequestError(f"{file}: a bundle is named *{BUNDLE}.", mend=f"--output policy{BUNDLE}")
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, file)
    except OSError as error:
        raise RequestError(
            f"{file} cannot be written: {error.strerror or error}.", mend="Give --output another place."
        ) from None


def verify_bundle(file: Path, keys: Path, now: datetime) -> SignedPolicy:
    """What a bundle holds, if it counts at ``now``.

    Raises:
        RequestError: it cannot be read.
        KeyFileError: the keys cannot be used.
        PolicyUnsigned: it does not count.
        PolicyError: it is signed, and its policy cannot be used.
    """
    try:
        text = read_regular(file)
    except UnicodeDecodeError:
        text = ""  # no text, so no bundle: refused below as any other bytes
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror or error}.", mend="Name a bundle.") from None
    return open_bundle(text, str(file), policy_keys(keys), now)
