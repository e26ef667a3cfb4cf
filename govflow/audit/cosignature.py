"""Cosignatures (C2SP tlog-cosignature, Ed25519): a witness says that it saw a checkpoint grow from the one before.

A key that cosigns under one name must not cosign under another: the message does not hold the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govflow.audit.checkpoint import Checkpoint
from govflow.audit.note import Signature
from govflow.audit.spelling import BEYOND
from govflow.audit.verifier_key import TIME_BYTES, Kind, VerifierKey, cosigned_message


@dataclass(frozen=True, slots=True)
class Cosigner:
    """The name and the private key of a witness."""

    name: str
    private: Ed25519PrivateKey

    @property
    def key(self) -> VerifierKey:
        """What others check its cosignatures with."""
        return VerifierKey(self.name, Kind.COSIGNATURE, self.private.public_key().public_bytes_raw())

    def cosign(self, checkpoint: Checkpoint, now: datetime) -> Signature:
        """Sign a checkpoint of which it is known that it is consistent with all that were signed before.

        Args:
            checkpoint: with its extension lines, which are signed with it and vouched for by nobody.
            now: aware; to the second.

        Raises:
            ValueError: ``now`` is before 1970, or has no time zone.
        """
        if now.tzinfo is None:
            raise ValueError("the time of a cosignature needs a time zone")
        at = int(now.timestamp())
        if not 0 <= at < BEYOND:
            raise ValueError("a cosignature cannot be from before 1970")
        data = at.to_bytes(TIME_BYTES, "big") + self.private.sign(cosigned_message(at, checkpoint.text))
        return Signature(self.name, self.key.key_id, data)
