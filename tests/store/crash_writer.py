"""A writer to be killed or lied to by its disk: ``python -m tests.store.crash_writer URL COUNT``.

Appends records in every way there is and says of each on stdout what it was told: ``+N`` acknowledged, ``-N`` refused.
"""

from __future__ import annotations

import os
import sys
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


def main(url: str, count: str) -> None:
    """Write, and close the store. What the store says at the end is of no account."""
    store = Store.open(url)
    store._writer._interval = 0.0  # the flusher is at work between any two records
    write(store, int(count), lambda text: os.write(1, text.encode()))
    try:
        store.close()
    except StoreError as error:
        print(error, file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
