"""Policy files of this machine, and of a commit, with the files that they import; and signed policies."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govflow.errors import KeyFileError, PolicyError, PolicyUnsigned
from govflow.policy import Importer, Layer, PolicyDocument, layered, load_policy
from govflow.services.policy_blocks import block_name, read_block
from govflow.services.regular_file import read_regular

if TYPE_CHECKING:
    from govflow.bundles import SignedPolicy
    from govflow.permits.keys import Keys

SUFFIXES: Final = frozenset({".yaml", ".yml", ".toml"})
BUNDLE: Final = ".bundle.json"  # as in govflow.bundles, which needs cryptography: for those who have one


@dataclass(frozen=True, slots=True)
class PolicyReading:
    """A policy and what it was read from, so that it can be told whether that is still what is there.

    Attributes:
        document: the policy.
        texts: every file that was read for it, with its text; keys among them. Those of layers stand in ``layers``.
        signed: what the bundle says that it is from.
        layers: where there are several policies, what each was read from.
    """

    document: PolicyDocument
    texts: Mapping[Path, str]
    signed: SignedPolicy | None = None
    layers: Mapping[Layer, PolicyReading] = field(default_factory=dict)

    @property
    def files(self) -> frozenset[Path]:
        """Every file of this machine that was read, for any layer."""
        own = frozenset(path for path in self.texts if block_name(path) is None)
        return own.union(*(part.files for part in self.layers.values()))

    def still_holds(self, now: datetime) -> bool:
        """Whether reading again would give the same. Compares what the files hold, since times of files can lie."""
        ends_at = None if self.signed is None else self.signed.ends_at
        if ends_at is not None and now >= ends_at:
            return False
        if not all(part.still_holds(now) for part in self.layers.values()):
            return False
        try:
            return all(_text_now(path) == text for path, text in self.texts.items())
        except (OSError, UnicodeDecodeError, PolicyError):
            return False


def read_policy(path: Path, keys: Path | None = None) -> PolicyDocument:
    """Load a policy file; action globs are checked against the registered vocabulary.

    Args:
        path: YAML, TOML, a bundle, or ``block:NAME``.
        keys: the public keys that sign policies, a JWK set; with them, nothing but a signed bundle is loaded.

    Raises:
        PolicyError: the file, or one that it imports, is not there, is no text, or cannot be used.
        PolicyUnsigned: it is not signed by one of the keys, or by anybody, and has to be.
    """
    return take_policy(path, keys).document


def take_policy(path: Path, keys: Path | None = None, now: datetime | None = None) -> PolicyReading:
    """:func:`read_policy` with what was read. ``now`` is aware; without it the clock of this machine is asked."""
    texts: dict[Path, str] = {}
    moment = now or datetime.now(UTC)
    if keys is not None or is_bundle(path):
        signed = _signed(path, keys, texts, moment)
        return PolicyReading(signed.document, texts, signed)
    if (name := block_name(path)) is not None:
        text = texts[path] = read_block(name)
        return PolicyReading(load_policy(text, str(path)), texts)
    _refuse_other_forms(path)
    text = _main(path, texts)
    return PolicyReading(load_policy(text, str(path), importer=importer(lambda file: _imported(file, texts))), texts)


def read_text_as(text: str, path: Path) -> PolicyDocument:
    """The policy that ``path`` would hold if it held ``text``.

    Raises:
        PolicyError: it, or a file that it imports, cannot be used.
    """
    return load_policy(text, str(path), importer=importer(lambda file: _imported(file, {})))


def take_layers(files: Mapping[Layer, Path], keys: Path | None = None) -> PolicyReading:
    """Several policies as one. With ``keys`` each of them has to be signed.

    Raises:
        PolicyError: as :func:`read_policy`, or two layers contradict each other.
        PolicyUnsigned: one is not signed as it has to be.
    """
    parts = {layer: take_policy(files[layer], keys) for layer in Layer if layer in files}
    return PolicyReading(layered({layer: part.document for layer, part in parts.items()}), {}, layers=parts)


def is_bundle(path: Path) -> bool:
    """Whether a file of that name is a signed policy."""
    return path.name.lower().endswith(BUNDLE)


def importer(read: Callable[[str], str | None]) -> Importer:
    """How ``imports`` are followed: a name is a path from the folder of the file in which it stands.

    Args:
        read: the text of the file of that path, ``None`` if there is none.
    """

    def follow(name: str, where: str) -> tuple[str, str]:
        path = os.path.normpath(os.path.join(os.path.dirname(where), name))
        _refuse_other_forms(Path(path))
        text = read(path)
        if text is None:
            raise PolicyError("there is no such file", mend="Write its path from the folder of this file.")
        return path, text

    return follow


def _signed(path: Path, keys: Path | None, texts: dict[Path, str], now: datetime) -> SignedPolicy:
    from govflow.bundles import open_bundle

    if keys is None:
        raise PolicyUnsigned(
            f"{path} is a signed policy, and nothing says whose signature counts.",
            mend="Set policy_keys (GOVFLOW_POLICY_KEYS) to the public keys, or load the file it was made of.",
            details={"file": str(path), "cause": "keys"},
        )
    if not is_bundle(path):
        raise PolicyUnsigned(
            f"{path} is not signed, and policy_keys is set: only a signed policy (*{BUNDLE}) is loaded.",
            mend=f"govflow policy bundle {path.name} --key KEY --output policy{BUNDLE} --as NAME",
            details={"file": str(path), "cause": "unsigned"},
        )
    try:
        trusted = policy_keys(keys, texts)
    except KeyFileError as error:
        raise PolicyUnsigned(
            f"policy_keys: {error.message}", mend=error.mend, details={"file": str(keys), "cause": "keys"}
        ) from None
    return open_bundle(_main(path, texts), str(path), trusted, now)


def policy_keys(file: Path, texts: dict[Path, str] | None = None) -> Keys:
    """The public keys that sign policies. ``texts`` is told what was read.

    Raises:
        KeyFileError: it cannot be read, anybody may write it, or it is no set of such keys.
    """
    from govflow.bundles import public_keys
    from govflow.services.key_files import refuse_writable

    try:
        text = read_regular(file)
        refuse_writable(file)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.",
            mend="It is written where the key was made: govflow policy keygen --key FILE --output policy-keys.json",
        ) from None
    if texts is not None:
        texts[file] = text
    return public_keys(text, str(file))


def _text_now(path: Path) -> str:
    name = block_name(path)
    return read_regular(path) if name is None else read_block(name)


def _main(path: Path, texts: dict[Path, str]) -> str:
    try:
        text = texts[path] = read_regular(path)
    except FileNotFoundError:
        raise PolicyError(
            f"{path}: there is no such policy file.",
            mend="Mend the path, or the setting policy (GOVFLOW_POLICY) if it is from there.",
            details={"file": str(path)},
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"{path}: the policy file cannot be read: {error}.",
            mend="It must be a file of UTF-8 text that this user may read.",
            details={"file": str(path)},
        ) from None
    return text


def _imported(file: str, texts: dict[Path, str]) -> str | None:
    path = Path(file)
    try:
        text = texts[path] = read_regular(path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(str(error), mend="It must be a file of UTF-8 text that this user may read.") from None
    return text


def _refuse_other_forms(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise PolicyError(
            f"{path}: policy files are YAML or TOML, named *.yaml, *.yml or *.toml; signed ones *{BUNDLE}.",
            mend="A policy built in Python is given to PolicyDocument.build; it is not loaded from a path.",
            details={"file": str(path)},
        )
