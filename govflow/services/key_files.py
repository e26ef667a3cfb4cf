"""Key files: the private key that signs permits, for its user's eyes only, and the public keys that workers hold."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from govflow.errors import KeyFileError
from govflow.permits.keys import SEED_BYTES, Keys, SigningKey, from_set
from govflow.settings import Settings, default_signing_key

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_TOO_LARGE: Final = 1 << 20  # bytes; a key has a hundred


def signing_key_file(settings: Settings) -> Path:
    """Where the private key lies, whether it is there or not."""
    return (settings.signing_key or default_signing_key()).absolute()


def next_key_file(file: Path) -> Path:
    """Where a key lies that takes the place of ``file``'s."""
    return file.with_name(file.name + ".next")


@contextmanager
def key_folder(file: Path) -> Iterator[None]:
    """The folder of ``file``, made if need be, and to ourselves until the end of the block.

    Raises:
        KeyFileError: it cannot be made or written, or others may write in it.
    """
    folder = file.parent
    try:
        for missing in reversed([folder, *folder.parents]):
            if not missing.exists():
                missing.mkdir(mode=FOLDER_MODE, exist_ok=True)
        refuse_open_folder(folder)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise KeyFileError(
            f"The key folder {folder} cannot be used: {error.strerror}.",
            mend="It must be a folder that the user of the signer, and nobody else, can write.",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def refuse_open_folder(folder: Path) -> None:
    """Raise ``KeyFileError`` when others may write in ``folder``: they could put a key of their own there."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        raise KeyFileError(
            f"The key folder {folder} has mode {mode:04o}: others could put a key of their own there.",
            mend=f"chmod 700 {folder}",
        )


def read_signing_key(file: Path, read: Callable[[bytes, str], SigningKey] = SigningKey.from_pem) -> SigningKey:
    """The private key of ``file``; ``read`` takes its bytes and its name.

    Raises:
        FileNotFoundError: it is not there.
        KeyFileError: others can read it, somebody else owns it, or it holds no key.
    """
    try:
        opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFileError(
            f"The key file {file} cannot be read: {error.strerror}.", mend="It belongs to the user of the signer."
        ) from None
    try:
        _refuse_open(file, os.fstat(opened))  # a folder cannot be made a stream
    except BaseException:
        os.close(opened)
        raise
    with os.fdopen(opened, "rb") as stream:
        refuse_open_folder(file.parent)
        return read(stream.read(_TOO_LARGE), str(file))


def write_new_key(file: Path, written: Callable[[SigningKey], bytes] = SigningKey.to_pem) -> SigningKey:
    """Make a key and write it to ``file``, which must not be there. Call it inside :func:`key_folder`.

    Whoever looks without the folder's lock finds no file or a whole one.
    """
    key = SigningKey.from_seed(secrets.token_bytes(SEED_BYTES))
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)  # of a process that was killed here
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(opened, "wb") as stream:
            os.fchmod(stream.fileno(), FILE_MODE)  # whatever the umask is
            stream.write(written(key))
            stream.flush()
            os.fsync(stream.fileno())
        os.link(part, file)
        part.unlink()
    except OSError as error:
        raise KeyFileError(f"The key file {file} cannot be written: {error.strerror}.") from None
    return key


def read_public_keys(file: Path) -> Keys:
    """The public keys of a JWK set file, by name.

    Raises:
        KeyFileError: it cannot be read, others may write it, or it is no set of public keys.
    """
    try:
        with file.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            text = stream.read(_TOO_LARGE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.",
            mend="It is written where the signer runs: govflow keys export --output FILE",
        ) from None
    _refuse_writable(file, mode)
    return from_set(text, str(file))


def refuse_writable(file: Path) -> None:
    """Raise ``KeyFileError`` when anybody may write a file of public keys. ``OSError`` where it cannot be looked at."""
    _refuse_writable(file, stat.S_IMODE(file.stat().st_mode))


def _refuse_writable(file: Path, mode: int) -> None:
    if mode & 0o002:
        raise KeyFileError(f"{file} has mode {mode:04o}: anybody could add a key to it.", mend=f"chmod go-w {file}")


def _refuse_open(file: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f"The key file {file} is no regular file.")
    if mode & 0o077:
        raise KeyFileError(
            f"The key file {file} has mode {mode:04o}: others than its owner can read it.",
            mend=f"chmod 600 {file}, and make a new key if anybody may have read it.",
            details={"mode": f"{mode:04o}"},
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise KeyFileError(
            f"The key file {file} belongs to another user.", mend="The signer runs as the user who owns the key."
        )
