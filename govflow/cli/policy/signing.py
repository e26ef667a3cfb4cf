"""``govflow policy keygen``, ``bundle`` and ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from datetime import datetime


def keygen(*, key: Path, output: Path | None = None) -> int:
    """Make a pair of keys that signs policies: a private file for one person, a public one for all machines.

    The private key is written with mode 0600 into a folder that only its owner can write. It signs policies and nothing
    else; the keys of permits are others. The public half is a JWK set: the file that the setting policy_keys names.

    Example:  govflow policy keygen --key ~/.govflow/keys/policy.pem --output policy-keys.json

    Args:
        key: where the private key is written; a file that is there is left alone.
        output: where the public key is written; without it stdout.
    """
    from govflow.cli.output import deliver
    from govflow.services.sign_policy import make_policy_key, public_set

    deliver(public_set(make_policy_key(key.expanduser())), output)
    return 0


def bundle(
    file: Path,
    /,
    *,
    key: Path,
    output: Path,
    as_: Annotated[str, Parameter(name="--as")],
    at: str | None = None,
    expires: str | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Put a policy file and all that it imports into one signed file.

    The bundle holds the files as they are, comments included, the digest of the policy that they make, who made it and
    when, and an Ed25519 signature over all of it. With the setting policy_keys nothing but such a file is loaded.

    Example:  govflow policy bundle policy.yaml --key ~/.govflow/keys/policy.pem --output policy.bundle.json --as carol

    Args:
        file: the policy file.
        key: the private key that signs, made by govflow policy keygen.
        output: where the bundle is written; its name ends in .bundle.json.
        as_: who answers for it.
        at: when it was made, a day (from midnight UTC) or a time with its offset; without it now.
        expires: from when on it is refused, written likewise; without it never.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe.signed_policies import signed_json, signed_text
    from govflow.services.sign_policy import bundle_policy, read_policy_key, write_bundle

    made_at = _moment(at, "--at") or datetime.now(UTC)
    signing = read_policy_key(key.expanduser())
    text, made = bundle_policy(file, signing, made_by=as_, made_at=made_at, expires_at=_moment(expires, "--expires"))
    write_bundle(text, output)
    if format == "json":
        write_json({"bundle": str(output), **signed_json(made)})
    else:
        write(f"{output}: written\n{signed_text(made)}")
    return 0


def verify(file: Path, /, *, keys: Path, format: Literal["text", "json"] = "text") -> int:
    """Check a signed policy as a machine with these keys would; 0 if it would load, 1 if not.

    Example:  govflow policy verify policy.bundle.json --keys policy-keys.json

    Args:
        file: the bundle.
        keys: the public keys that count, a JWK set.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.failures import report
    from govflow.cli.output import write, write_json
    from govflow.errors import PolicyError
    from govflow.services.describe.signed_policies import signed_json, signed_text
    from govflow.services.sign_policy import verify_bundle

    try:
        found = verify_bundle(file, keys.expanduser(), datetime.now(UTC))
    except PolicyError as error:
        if format == "json":
            why = {"code": error.code, "cause": error.details.get("cause"), "message": error.message}
            write_json({"bundle": str(file), "verified": False, **why, "mend": error.mend})
        else:
            report(error)
        return 1
    if format == "json":
        write_json({"bundle": str(file), "verified": True, **signed_json(found)})
    else:
        write(f"{file}: verified\n{signed_text(found)}")
    return 0


def _moment(text: str | None, option: str) -> datetime | None:
    from govflow.errors import RequestError
    from govflow.policy.moments import moment

    if text is None:
        return None
    try:
        return moment(text)
    except ValueError:
        raise RequestError(
            f"{option} {text} is no time.", mend="Write a day or a time with its offset: 2027-01-31T18:00:00+01:00."
        ) from None
