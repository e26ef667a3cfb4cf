"""Making a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from govflow.bundles.bundle import FORMAT, load_files
from govflow.bundles.envelope import sealed
from govflow.ir.canonical import canonical
from govflow.permits.keys import SigningKey


def make_bundle(
    files: Mapping[str, str],
    key: SigningKey,
    *,
    made_by: str,
    made_at: datetime,
    expires_at: datetime | None = None,
) -> str:
    """The text of a bundle.

    Args:
        files: texts by path from the folder of the policy file, which comes first.
        key: that signs.
        made_by: who answers for it.
        made_at: aware.
        expires_at: aware; from then on it is refused.

    Raises:
        PolicyError: the files are no policy that can be used, or import one by an absolute path.
    """
    main = next(iter(files))
    document, used = load_files(files, main, "bundle")
    payload = {
        "format": FORMAT,
        "digest": document.digest,
        "made_by": made_by,
        "made_at": _written(made_at),
        "expires_at": None if expires_at is None else _written(expires_at),
        "files": [{"path": path, "text": text} for path, text in files.items() if path in used],
    }
    return sealed(canonical(payload), key)


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
