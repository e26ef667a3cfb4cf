"""What a process needs to run a part of somebody else's plan: the plan with its call sites, and digests of its code.

The process of the flow read the source and compared it with what is loaded. Another process may have no source, or
another one: it compares the code that it was sent, and the code that it has, with these digests. A permit names the
digest of the whole, so it is as good as signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

from pydantic import ValidationError

from govflow.errors import PermitInvalid
from govflow.ir.models import Digest, NonEmpty, Plan, StrictModel


class Manifest(StrictModel):
    """A plan and its code.

    Attributes:
        python: the interpreter and its minor version: code digests belong to one.
        folder: of the flow's file, on the machine of the flow's process.
        code: name of a function in the plan to the digests of its code, one for each definition of that name.
    """

    version: Literal[1] = 1
    python: NonEmpty
    folder: str
    plan: Plan
    code: Mapping[NonEmpty, tuple[Digest, ...]]

    def written(self) -> tuple[str, str]:
        """Its digest and its text."""
        text = self.model_dump_json()
        return digest_of(text), text

    @classmethod
    def read(cls, text: str, digest: str) -> Manifest:
        """The manifest that a text is.

        Raises:
            PermitInvalid: the text has another digest, or is none.
        """
        try:
            if digest_of(text) != digest:
                raise ValueError(digest)
            return cls.model_validate_json(text)
        except (ValidationError, ValueError):
            raise PermitInvalid(
                f"The manifest {digest} in the database is not the one that the permit names.",
                mend="Somebody changed it, or the database is another one; look at GOVFLOW_DATABASE_URL.",
                details={"cause": "manifest"},
            ) from None


def digest_of(text: str) -> str:
    """``sha256:<hex>`` of a manifest's text."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"
