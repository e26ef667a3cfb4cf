"""How a bundle is refused."""

from __future__ import annotations

from typing import Final, NoReturn

from govflow.errors import PolicyUnsigned

MEND: Final = (
    "Copy it here again, or have it signed anew: govflow policy bundle FILE --key KEY --output BUNDLE --as NAME"
)


def refuse(where: str, cause: str, why: str, mend: str = MEND) -> NoReturn:
    """Raise the one error of a bundle that does not count. ``cause`` is a stable word for programs."""
    raise PolicyUnsigned(
        f"{where}: this is no signed policy that counts here: {why}.",
        mend=mend,
        details={"file": where, "cause": cause},
    )
