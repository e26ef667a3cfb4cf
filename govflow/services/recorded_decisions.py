"""The decisions that an audit log holds, as they can be decided once more.

What no parameter can change was decided when a run opened, once for each step; what depends on a call was decided with
it, and stands in its record. Values of parameters lie beside the records; those that were erased are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from govflow.audit.body import parse_body
from govflow.audit.record import Entry
from govflow.errors import RequestError
from govflow.governor.replayable import RESOURCE
from govflow.policy.model import PolicyRequest
from govflow.policy.recorded import Recorded, effect_of
from govflow.policy.request_form import request_of
from govflow.services.recorded_files import SUFFIXES, read_recorded
from govflow.services.verify_audit import opened
from govflow.settings import Settings

if TYPE_CHECKING:
    from govflow.store import Store

_OPENINGS: Final = ("ir.validated_pass", "ir.validated_escalate", "ir.validated_reject")
_OF_CALLS: Final = ("step.decided", "step.intent", "step.cached", "step.refused")
EVENTS: Final = (*_OPENINGS, *_OF_CALLS)
_PARAMETERS: Final = "parameters."
_PAGE: Final = 1_000  # records whose values are looked up together
_TELLS: Final = b'"rules":'  # stands in every record of a decision that was taken for itself


@contextmanager
def recorded_decisions(
    settings: Settings, records: str | None, tenant: str | None = None
) -> Iterator[Iterator[Recorded]]:
    """The recorded decisions of a file, or of the log of a tenant, in order, as they are read.

    Args:
        settings: name the database and the tenant.
        records: a file named ``*.jsonl``, or another database, as a URL or a file.
        tenant: another tenant.

    Raises:
        InputError: there is no such file or database, or a line of the file is no decision.
        StoreError: the database cannot be opened.
    """
    if records is not None and Path(records).suffix.lower() in SUFFIXES:
        yield read_recorded(Path(records))
        return
    with opened(settings, records) as store:
        yield of_store(store, tenant or settings.tenant)


def of_store(store: Store, tenant: str) -> Iterator[Recorded]:
    """The recorded decisions of a tenant's log, oldest first."""
    told = (entry for entry in store.entries_of(tenant, EVENTS) if _TELLS in entry.body)
    while page := list(islice(told, _PAGE)):
        bodies = list(filter(None, map(_body, page)))
        committed = any("commitments" in body for body in bodies)
        kept = store.values.between(tenant, page[0].seq, page[-1].seq) if committed else {}
        for body in bodies:
            yield from _decisions(body, kept.get((body["writer"], body["writer_seq"]), {}))


def _body(entry: Entry) -> dict[str, Any] | None:
    try:
        return parse_body(entry.body)
    except ValueError:  # `govflow audit verify` says what is wrong with it
        return None


def _decisions(body: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Recorded]:
    """The decisions of a record; ``values``: what lies beside it."""
    payload = body["payload"]
    if body["event"] in _OPENINGS:
        shared = payload.get("attributes", {})
        for step_id, said in payload.get("steps", {}).items():
            if "request" in said:
                whole = {**said, "policy_digest": payload.get("policy_digest", "")}
                yield from _made({**body, "step_id": step_id}, whole, shared, {}, ())
    elif "request" in payload and "rules" in payload:
        erased = tuple(sorted(name for name in body.get("commitments", ()) if name not in values))
        yield from _made(body, payload, {}, values, erased)


def _made(
    body: Mapping[str, Any],
    said: Mapping[str, Any],
    shared: Mapping[str, Any],
    values: Mapping[str, Any],
    erased: tuple[str, ...],
) -> Iterator[Recorded]:
    """The decision; none where the record does not have its form, which only a stranger's record does not have."""
    try:
        made = Recorded(
            effect=effect_of(said["verdict"]),
            rule=said["rule"],
            requests=tuple(_requests(said["request"], shared, values)),
            policy_digest=said["policy_digest"],
            rules=tuple(said["rules"]),
            at=body["at"],
            run_id=body.get("run_id", ""),
            flow=body.get("flow", ""),
            step_id=body.get("step_id", ""),
            erased=(*("resource" if name == RESOURCE else name for name in erased), *said.get("withheld", ())),
        )
    except (KeyError, TypeError, AttributeError, RequestError):
        return
    yield made


def _requests(
    request: Mapping[str, Any], shared: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[PolicyRequest]:
    attributes = {**shared, **request["attributes"]}
    parameters = {
        name.removeprefix(_PARAMETERS): value for name, value in values.items() if name.startswith(_PARAMETERS)
    }
    if parameters:
        attributes["parameters"] = parameters
    template, filled = request["resource"], values.get(RESOURCE)
    for one in (request, *request.get("also", ())):
        resource = filled if filled is not None and one["resource"] == template else one["resource"]
        own = attributes if one is request else {**attributes, **one["attributes"]}
        form = {"action": one["action"], "provider": one["provider"], "resource": resource}
        yield request_of({**form, **{name: held for name, held in own.items() if held is not None}})
