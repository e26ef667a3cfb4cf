"""``govflow people``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from govflow.cli import session

app = App(
    name="people",
    help="Who may answer approvals: people and machine accounts, their roles, invitations and keys.",
    help_format="markdown",
    help_epilogue="",
)

By = Annotated[str | None, Parameter(name="--as")]
Roles = Annotated[tuple[str, ...], Parameter(name="--role", negative="")]
Groups = Annotated[tuple[str, ...], Parameter(name="--group", negative="")]
NoRoles = Annotated[tuple[str, ...], Parameter(name="--drop-role", negative="")]
NoGroups = Annotated[tuple[str, ...], Parameter(name="--drop-group", negative="")]
Format = Literal["text", "json"]


@app.command
def add(
    name: str,
    *,
    role: Roles = (),
    group: Groups = (),
    machine: bool = False,
    email: str | None = None,
    issuer: str | None = None,
    subject: str | None = None,
    as_: By = None,
    format: Format = "text",
) -> int:
    """Make a person or a machine account known.

    Roles and groups add to those that the policy file gives to that name. A person then signs in by an invitation
    (`govflow people invite`) or, with --issuer and --subject, at your OIDC provider; a machine by a key
    (`govflow people key`).

    Example:  govflow people add bob --role owner --group data-team --email bob@example.org

    Args:
        name: letters, digits and . _ @ + - ; names that differ in case only are one person.
        role: a role, as approval rules name it (`role:owner`); may be given several times.
        group: a group (`group:data-team`); may be given several times.
        machine: a machine account, not a person.
        email: where messages for this principal go.
        issuer: the OIDC provider's issuer.
        subject: what the provider calls this person (claim `sub`).
        as_: your name, for the record; without it the principal of this process.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.identity import PrincipalKind
    from govflow.services.describe.people import principal_json
    from govflow.services.manage_people import add_principal, author

    with session.workspace() as workspace:
        known = add_principal(
            workspace,
            name,
            author(workspace, as_),
            datetime.now(UTC),
            kind=PrincipalKind.MACHINE if machine else PrincipalKind.PERSON,
            roles=role,
            groups=group,
            email=email,
            issuer=issuer,
            oidc_subject=subject,
        )
    if format == "json":
        write_json(principal_json(known))
        return 0
    way = f"govflow people key {name} --name PURPOSE" if machine else f"govflow people invite {name}"
    write(f"{name} is known.\n" + (f"Let {name} in: {way}" if issuer is None else f"{name} signs in at {issuer}."))
    return 0


@app.command(name="list")
def list_(*, all: bool = False, format: Format = "text") -> int:
    """List the principals of the store. People whom only the policy file names are not among them.

    Example:  govflow people list --all

    Args:
        all: those who were deactivated too.
        format: text for people, json for programs.
    """
    from govflow.cli.output import write, write_json
    from govflow.services.describe.people import people_text, principal_json
    from govflow.services.manage_people import list_principals

    with session.workspace() as workspace:
        found = list_principals(workspace, inactive=all)
    if format == "json":
        write_json({"people": [principal_json(one) for one in found]})
    else:
        write(people_text(found))
    return 0


@app.command
def show(name: str, *, format: Format = "text") -> int:
    """Show one principal: roles and groups, from where they come, sessions and keys. Secrets are in no list.

    Example:  govflow people show bob

    Args:
        name: of the principal.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.identity.principal import MACHINE
    from govflow.services.describe.people import key_json, principal_json, principal_text, session_json
    from govflow.services.manage_people import get_principal

    now = datetime.now(UTC)
    with session.workspace() as workspace:
        known = get_principal(workspace, name)
        whole = workspace.principal(name) if known.active else None
        tenant = workspace.settings.tenant
        sessions = workspace.store.sign_ins.of_principal(tenant, name, now)
        keys = workspace.store.api_keys.of_principal(tenant, name)
    if format == "json":
        more = {"sessions": [session_json(one) for one in sessions], "keys": [key_json(key, now) for key in keys]}
        selectors = sorted(whole.selectors() - {MACHINE}) if whole is not None else []
        write_json({**principal_json(known), "selectors": selectors, **more})
    else:
        write(principal_text(known, whole, sessions, keys, now))
    return 0


@app.command
def change(
    name: str,
    *,
    role: Roles = (),
    drop_role: NoRoles = (),
    group: Groups = (),
    drop_group: NoGroups = (),
    email: str | None = None,
    issuer: str | None = None,
    subject: str | None = None,
    activate: bool = False,
    as_: By = None,
    format: Format = "text",
) -> int:
    """Change roles, groups, address or sign-in of a principal. It holds from the next request of an open session on.

    Example:  govflow people change bob --role auditor --drop-role owner

    Args:
        name: of the principal.
        role: a role to add; may be given several times.
        drop_role: a role to take away; may be given several times.
        group: a group to add; may be given several times.
        drop_group: a group to take away; may be given several times.
        email: another address; '' takes it away.
        issuer: another OIDC provider; '' takes it away.
        subject: another subject there; '' takes it away. Open sessions are ended.
        activate: let a deactivated principal sign in again; it needs a new invitation or key.
        as_: your name, for the record; without it the principal of this process.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.describe.people import people_text, principal_json
    from govflow.services.manage_people import Change, author, change_principal, reactivate_principal

    with session.workspace() as workspace:
        by, now = author(workspace, as_), datetime.now(UTC)
        wanted = Change(role, drop_role, group, drop_group, email, issuer, subject)
        changed = change_principal(workspace, name, wanted, by, now)
        if activate and reactivate_principal(workspace, name, by, now):
            changed = workspace.store.people.get(workspace.settings.tenant, name) or changed
    if format == "json":
        write_json(principal_json(changed))
    else:
        write(people_text([changed]))
    return 0


@app.command
def deactivate(name: str, *, as_: By = None, yes: bool = False, format: Format = "text") -> int:
    """Let a principal act no more, anywhere: sessions, links and keys end at once. What was done stays on record.

    Example:  govflow people deactivate bob

    Args:
        name: of the principal.
        as_: your name, for the record; without it the principal of this process.
        yes: do not ask back. Without a terminal nothing is asked.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.asking import confirmed
    from govflow.cli.output import write, write_json
    from govflow.services.describe.people import people_text
    from govflow.services.manage_people import author, deactivate_principal, get_principal

    with session.workspace() as workspace:
        by, known = author(workspace, as_), get_principal(workspace, name)
        if not yes and not confirmed(people_text([known]), f"deactivate {name}?"):
            write("nothing was changed")
            return 1
        ended = deactivate_principal(workspace, name, by, datetime.now(UTC))
    if format == "json":
        write_json({"name": name, "active": False, "ended": dict(ended)})
    else:
        said = ", ".join(f"{what}: {count}" for what, count in ended.items())
        write(f"{name} is deactivated. Ended: {said}.")
    return 0


@app.command
def invite(name: str, *, hours: int = 24, as_: By = None, format: Format = "text") -> int:
    """Print a link with which a person signs in to the console, once.

    Whoever opens it first is that person: send it to them alone. A new link ends the one before. The address is that of
    the setting console_url.

    Example:  govflow people invite bob --hours 4

    Args:
        name: of the person.
        hours: how long the link is good, 168 at most.
        as_: your name, for the record; without it the principal of this process.
        format: text for people, json for programs.
    """
    import secrets
    from datetime import UTC, datetime, timedelta

    from govflow.cli.output import write, write_json
    from govflow.services.invite_people import invite as invited
    from govflow.services.manage_people import author

    with session.workspace() as workspace:
        by = author(workspace, as_)
        now, life = datetime.now(UTC), timedelta(hours=hours)
        invitation = invited(workspace, name, by, now, secrets.token_bytes(32), life)
    if format == "json":
        ends = invitation.expires_at.isoformat()
        write_json({"principal": name, "url": invitation.url, "expires_at": ends})
    else:
        write(f"{invitation.url}\nFor {name} alone, for one sign-in, until {invitation.expires_at:%Y-%m-%d %H:%M} UTC.")
    return 0


@app.command
def key(
    machine: str,
    *,
    name: str,
    days: int = 90,
    as_: By = None,
    format: Format = "text",
) -> int:
    """Make an API key for a machine account, for `Authorization: Bearer`. It is shown once and stored nowhere.

    Example:  govflow people key ci-bot --name "nightly pipeline" --days 30

    Args:
        machine: the machine account (`govflow people add NAME --machine`).
        name: what the key is for.
        days: how long it is good, 366 at most.
        as_: your name, for the record; without it the principal of this process.
        format: text for people, json for programs.
    """
    import secrets
    from datetime import UTC, datetime, timedelta

    from govflow.cli.output import write, write_json
    from govflow.services.describe.people import key_json
    from govflow.services.manage_api_keys import make_key
    from govflow.services.manage_people import author

    with session.workspace() as workspace:
        by = author(workspace, as_)
        now, life = datetime.now(UTC), timedelta(days=days)
        made, secret = make_key(workspace, machine, name, by, now, secrets.token_bytes(32), life)
    if format == "json":
        write_json({**key_json(made, now), "key": secret})
    else:
        write(f"{secret}\nKey {made.key_id} of {machine}, until {made.expires_at:%Y-%m-%d}. It is not shown again.")
    return 0


@app.command(name="revoke-key")
def revoke_key(key_id: str, *, as_: By = None, format: Format = "text") -> int:
    """End an API key at once.

    Example:  govflow people revoke-key 3f9a1c0b7d42

    Args:
        key_id: as `govflow people show NAME` lists it; not the key itself.
        as_: your name, for the record; without it the principal of this process.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.services.manage_api_keys import revoke_key as revoked
    from govflow.services.manage_people import author

    with session.workspace() as workspace:
        fresh = revoked(workspace, key_id, author(workspace, as_), datetime.now(UTC))
    if format == "json":
        write_json({"key_id": key_id, "revoked": True, "before": not fresh})
    else:
        write(f"key {key_id} is revoked" if fresh else f"key {key_id} was revoked before")
    return 0


@app.command
def sessions(name: str | None = None, *, end: bool = False, as_: By = None, format: Format = "text") -> int:
    """List who is signed in; with --end, sign somebody out everywhere.

    Example:  govflow people sessions bob --end

    Args:
        name: of one principal; without it all.
        end: end the sessions of that principal. Links and keys stay.
        as_: your name, for the record; without it the principal of this process.
        format: text for people, json for programs.
    """
    from datetime import UTC, datetime

    from govflow.cli.output import write, write_json
    from govflow.errors import RequestError
    from govflow.services.describe.people import session_json, sessions_text
    from govflow.services.manage_people import author, get_principal

    if end and name is None:
        raise RequestError("--end needs a NAME.", mend="govflow people sessions NAME --end")
    now = datetime.now(UTC)
    with session.workspace() as workspace:
        store, tenant = workspace.store, workspace.settings.tenant
        if name is not None:
            get_principal(workspace, name)
        found = store.sign_ins.of_principal(tenant, name, now)
        if end:
            by = author(workspace, as_)
            found = [one for one in found if store.sign_ins.end(tenant, one.digest, by, now)]
    if format == "json":
        write_json({"ended" if end else "sessions": [session_json(one) for one in found]})
    else:
        write(f"{len(found)} sessions of {name} are ended" if end else sessions_text(found, now))
    return 0
