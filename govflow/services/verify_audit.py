"""Checking and reading an audit log: the configured one, another database by URL, or a database file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from govflow.audit.body import parse_body
from govflow.audit.checkpoint import Checkpoint, origin_of
from govflow.audit.note import parse_note
from govflow.audit.record import Entry
from govflow.audit.spans import Held, Told
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.verify import How, Outcome, Verdict
from govflow.audit.vocabulary import EVENTS
from govflow.errors import InputError, RequestError
from govflow.services.signing_keys import public_key
from govflow.services.verify_in_processes import in_processes
from govflow.services.witnessed import Vouched, Witnesses, judged, vouched
from govflow.settings import Settings, redact_url

if TYPE_CHECKING:
    from govflow.store import Store
    from govflow.store.verifying import Checker


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """The verdict on the log of one tenant."""

    tenant: str
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        verdict = self.verdict
        return {
            "tenant": self.tenant,
            "verdict": str(verdict.outcome),
            "records": verdict.records,
            "words": verdict.words,
            "record": verdict.seq,
            "how": str(verdict.how) if verdict.how else None,
            "hash": verdict.hash,
            "root": verdict.root,
            "against": verdict.against,
        }


def verify_log(
    settings: Settings,
    database: str | None = None,
    tenant: str | None = None,
    held: Held | None = None,
    *,
    since: bool = False,
    jobs: int = 1,
    keys: Sequence[VerifierKey] = (),
    witnesses: Witnesses | None = None,
    told: Told = lambda done, total: None,
) -> list[LogVerdict]:
    """Check whole logs, from the first record to the last.

    Args:
        settings: name the database and the tenant.
        database: another database: a URL, or the path of a SQLite file. All of its tenants are checked.
        tenant: check this tenant's log only.
        held: a checkpoint of that log that was kept elsewhere, with its signature checked.
        since: check only what follows that checkpoint.
        jobs: how many processes check at once.
        keys: of the log: its checkpoints in the database have to be signed by them. If none are given, those that the
            database holds count for ``witnesses``.
        witnesses: who has to have cosigned ``held``, or else some checkpoint of the database.
        told: called now and then.

    Raises:
        InputError: there is no such database; nothing is created.
        StoreError: it cannot be opened.
    """
    from govflow.store.verifying import check_part

    with opened(settings, database) as store:
        if held is not None and database is not None and tenant is None:
            raise RequestError("A checkpoint is of one log.", mend="Say whose log it is: --tenant NAME.")
        names = [tenant] if tenant else store.tenants() if database else [settings.tenant]
        url = settings.database_url if database is None else _url(database)
        checker = in_processes(partial(check_part, url), jobs) if jobs > 1 else None
        verdicts = [_verified(store, name, held, since, checker, told, keys, witnesses) for name in names]
        return verdicts if since else _findable(store, verdicts)  # which looks at every record, however old


def _verified(
    store: Store,
    tenant: str,
    held: Held | None,
    since: bool,
    checker: Checker | None,
    told: Told,
    keys: Sequence[VerifierKey],
    witnesses: Witnesses | None,
) -> LogVerdict:
    found = None if witnesses is None else _vouched(store, tenant, keys, witnesses)
    if held is None and found is not None:
        held = found.held
    if since and held is not None:
        verdict = store.verify_since(tenant, held, told, keys)
    else:
        verdict = store.verify(tenant, held, checker, told, keys)
    return LogVerdict(tenant, verdict if found is None else judged(verdict, found))


def _findable(store: Store, verdicts: list[LogVerdict]) -> list[LogVerdict]:
    """The verdicts, of which those on logs that are whole say whether a search finds all of them."""
    if all(one.verdict.outcome is Outcome.TAMPERED for one in verdicts):
        return verdicts
    hidden = store.hidden_row()
    if hidden is None:
        return verdicts
    return [
        LogVerdict(
            one.tenant,
            replace(
                one.verdict,
                outcome=Outcome.TAMPERED,
                words=hidden.words,
                seq=hidden.seq,
                how=How.HIDDEN,
                hash=None,
                root=None,
            ),
        )
        if hidden.tenant in (None, one.tenant) and one.verdict.outcome is not Outcome.TAMPERED
        else one
        for one in verdicts
    ]


def _vouched(store: Store, tenant: str, keys: Sequence[VerifierKey], witnesses: Witnesses) -> Vouched:
    if witnesses.note is None:
        stored = store.seals.cosigned(tenant, [str(key) for key in witnesses.keys], witnesses.quorum)
    else:
        kept = store.seals.at(tenant, Checkpoint.parse(parse_note(witnesses.note).text).size)
        stored = [] if kept is None else [kept]
    notes = [one.note for one in stored]
    name = store.seals.name()
    if not keys and name is None:
        return Vouched(None, "What is missing: a checkpoint of this log.")
    origin = origin_of(name or "", tenant)
    known = keys or [VerifierKey(origin, Kind.NOTE, public_key(one).raw) for one in store.keys.all()]
    return vouched(witnesses, notes, known)


def worst(verdicts: list[LogVerdict]) -> Outcome:
    """What all verdicts together say; a database without a log cannot be judged."""
    order = (Outcome.TAMPERED, Outcome.CANNOT_JUDGE, Outcome.VERIFIED)
    outcomes = {one.verdict.outcome for one in verdicts} or {Outcome.CANNOT_JUDGE}
    return next(outcome for outcome in order if outcome in outcomes)


@dataclass(frozen=True, slots=True)
class Line:
    """A record as people read it. ``body`` is what is hashed; None when its bytes cannot be read."""

    seq: int
    hash: str
    body: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"seq": self.seq, "hash": self.hash, "body": self.body}


def read_tail(
    settings: Settings,
    count: int,
    *,
    database: str | None = None,
    tenant: str | None = None,
    run_id: str | None = None,
    event: str | None = None,
) -> list[Line]:
    """The last ``count`` records of one tenant, oldest first.

    Raises:
        InputError: there is no such database.
        RequestError: ``count`` is not positive, or there is no such event.
        StoreError: it cannot be opened.
    """
    check_asked(count, event)
    with opened(settings, database) as store:
        entries = store.tail(tenant or settings.tenant, count, run_id=run_id, event=event)
        return [line_of(entry) for entry in entries]


def check_asked(count: int, event: str | None) -> None:
    """Raises :class:`~govflow.errors.RequestError` where nobody can be shown that."""
    if count < 1:
        raise RequestError(f"-n {count}: at least one record is read.", mend="Give a positive number.")
    if event is not None and event not in EVENTS:
        raise RequestError(f"There is no audit event {event!r}.", mend="docs/audit.md lists the events.")


def line_of(entry: Entry) -> Line:
    """A record for people."""
    try:
        return Line(entry.seq, entry.hash, parse_body(entry.body))
    except ValueError:
        return Line(entry.seq, entry.hash, None)


@contextmanager
def opened(settings: Settings, database: str | None) -> Iterator[Store]:
    """The store, closed afterwards. A database file that is not there, or is not one of ours, is not made into one."""
    from govflow.services.check_disk import sqlite_path
    from govflow.store import Store
    from govflow.store.location import is_there

    url = settings.database_url if database is None else _url(database)
    path = sqlite_path(url)
    if path is not None and not path.exists():
        raise InputError(
            f"There is no database at {path}, so there is no log to read.",
            mend="Give the database as an argument, or set GOVFLOW_DATABASE_URL; the first governed run creates it.",
            details={"database": redact_url(url)},
        )
    if path is not None and path.exists() and not path.is_file():  # a pipe would be waited for, without an end
        raise InputError(
            f"{path} is no file, so there is no log to read.",
            mend="Name a database; recorded decisions in lines of JSON are in a file named *.jsonl.",
            details={"database": redact_url(url)},
        )
    if path is not None and database is not None:
        _refuse_foreign(path)
    if path is None and not is_there(url):
        raise InputError(
            f"{redact_url(url)} has no tables of govflow, so there is no log to read.",
            mend="Name another database, or set GOVFLOW_DATABASE_URL; the first governed run makes the tables.",
            details={"database": redact_url(url)},
        )
    foreign = database is not None and path is not None and not path.with_name(f"{path.name}.spool").exists()
    with Store.open(url, direct=foreign or settings.spool == "direct") as store:
        yield store


def _url(database: str) -> str:
    return database if "://" in database else f"sqlite:///{Path(database).expanduser().resolve().as_posix()}"


def _refuse_foreign(path: Path) -> None:
    """Opening a store creates what is missing in it: look first, without writing, whether the file is one."""
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'audit_head'").fetchone()
    except sqlite3.Error as error:
        raise InputError(f"{path} is not a governance database: {error}.", mend="Give the file of one.") from None
    if found is None:
        raise InputError(f"{path} is not a governance database: it holds no log.", mend="Give the file of one.")
