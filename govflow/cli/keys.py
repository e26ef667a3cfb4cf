"""``govflow keys``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from govflow.cli import session

app = App(
    name="keys", help="List, export and rotate the keys that sign permits.", help_format="markdown", help_epilogue=""
)


@app.command(name="list")
def list_(*, format: Literal["text", "json"] = "text") -> int:
    """List the keys that sign permits, or did, and until when each is trusted. Public halves only.

    Example:  govflow keys list

    Args:
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe.permits import key_json, keys_text

    with session.workspace() as workspace:
        found = workspace.store.keys.all()
    now = datetime.now(UTC)
    if format == "json":
        write_json({"keys": [key_json(key, now) for key in found]})
    else:
        write(keys_text(found, now))
    return 0


@app.command
def export(*, output: Path | None = None) -> int:
    """Write the public keys that are trusted now as a JWK set: the file that workers are given.

    Workers read it through the setting permit_keys. It holds nothing secret; who can write it decides whose permits
    count.

    Example:  govflow keys export --output permit-keys.json

    Args:
        output: a file; without it stdout.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import deliver
    from govflow.services.signing_keys import export_keys, signing_key

    with session.workspace() as workspace:
        now = datetime.now(UTC)
        if not workspace.store.keys.all():
            signing_key(workspace, now)  # made at first use: this is one
        deliver(export_keys(workspace, now), output)
    return 0


@app.command
def rotate(
    *, as_: Annotated[str | None, Parameter(name="--as")] = None, format: Literal["text", "json"] = "text"
) -> int:
    """Let a new key sign from now on, and take the old private key off the disk.

    Permits that the old key signed stay valid until they are over. Workers that read their keys from a file need the
    new file at once: until they have it they refuse permits of the new key.

    Example:  govflow keys rotate --as bob

    Args:
        as_: your name, for the log; without it the principal of this process.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.signing_keys import rotate as rotated

    with session.workspace() as workspace:
        person = workspace.principal(as_) if as_ else workspace.requester()
        old, new = rotated(workspace, datetime.now(UTC), person.name)
    if format == "json":
        write_json({"retired": old, "signs": new})
        return 0
    before = f"key {old} is retired; its permits stay valid until they are over" if old else "there was no key before"
    write(f"key {new} signs from now on; {before}.\nGive workers the new set: govflow keys export --output FILE")
    return 0
