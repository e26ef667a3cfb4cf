"""A writer to be killed, or lied to by its disk.

Appends records in every way there is and says of each what it was told: ``+N`` acknowledged, ``-N`` refused.
"""

from __future__ import annotations

from collections.abc import Callable

from govflow.errors import StoreError
from govflow.store import Store
from tests.store.things import a_draft


def write(store: Store, count: int, say: Callable[[str], object], who: int = 0) -> None:
    """Records 0 to ``count`` of writer ``who``: spooled, durable, and two in one transaction."""
    number = 0
    while number < count:
        together = [number, number + 1] if number % 5 == 3 else [number]
        try:
            drafts = [a_draft(payload={"who": who, "n": n}) for n in together]
            if len(drafts) > 1:
                with store._writer.transaction() as transaction:
                    for draft in drafts:
                        transaction.record(draft)
            else:
                store.append(drafts[0], durable=number % 5 == 1)
        except StoreError:
            said = [f"-{n}" for n in together]
        else:
            said = [f"+{n}" for n in together]
        say("\n".join(said) + "\n")
        number += len(together)
