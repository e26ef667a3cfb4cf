"""Verify the receipt of a govflow run with the log's public key and nothing else.

    python receipt_verifier.py RECEIPT --key KEY

This file needs Python 3.11 and the package cryptography; nothing of govflow. KEY is the log's verifier key (one word,
``NAME+KEYID+KEY``, as ``govflow audit keys`` prints it) or a file that holds such keys. Take it from the log's owner on
a way that you trust, never from whoever hands you the receipt.

Exit codes: 0 verified, 1 tampered, 4 cannot judge, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:govflow:run-receipt:v1"
VERIFIED: Final = "verified"
TAMPERED: Final = "tampered"
CANNOT_JUDGE: Final = "cannot judge"
EXIT: Final = {VERIFIED: 0, TAMPERED: 1, CANNOT_JUDGE: 4}
_YES: Final = (("approve", None), ("approve", "break_glass"))  # a vote has no kind of its own
_OPENS: Final = ("ir.validated_pass", "ir.validated_escalate", "ir.validated_reject")


@dataclass(frozen=True)
class Verdict:
    """``outcome`` is one of the three words; ``record`` is the place in the log of the record that does not fit."""

    outcome: str
    words: str
    record: int | None = None
    facts: Mapping[str, Any] | None = None  # of a verified receipt only


class _Tampered(Exception):
    def __init__(self, words: str, record: int | None = None) -> None:
        super().__init__(words)
        self.record = record


class _CannotJudge(Exception):
    pass


def judge(text: str, keys: Iterable[str]) -> Verdict:
    """Verify a receipt.

    Args:
        text: the file.
        keys: verifier keys of the log.

    Returns:
        The verdict. Whatever the file holds, this raises nothing.
    """
    try:
        return _judge(text, _keys(keys))
    except _Tampered as found:
        return Verdict(TAMPERED, _plain(str(found)), found.record)
    except _CannotJudge as found:
        return Verdict(CANNOT_JUDGE, _plain(str(found)))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as found:
        return Verdict(CANNOT_JUDGE, f"The file is not of the form of a receipt ({type(found).__name__}).")


def _judge(text: str, keys: Mapping[str, bytes]) -> Verdict:
    key_id, payload, signature = _envelope(text)
    if key_id not in keys:
        raise _CannotJudge(f"It is signed by {key_id!r}, which is none of the keys given: {', '.join(keys)}.")
    if not _holds(keys[key_id], signature, encoding(PAYLOAD_TYPE, payload)):
        _blame(payload, keys)
    statement = _json(payload)
    if statement["_type"] != STATEMENT or statement["predicateType"] != PREDICATE:
        raise _CannotJudge("It is signed, and it is not a receipt of this version; use the verifier that came with it.")
    said = statement["predicate"]
    if len(statement) != 4 or set(said) != {"checkpoint", "facts", "records"}:
        raise _CannotJudge("It has other members than a receipt of this version.")
    origin, size, root = _checkpoint(said["checkpoint"], keys)
    if key_id.partition("+")[0] != origin:
        raise _Tampered(f"The receipt is signed with {key_id!r}, its checkpoint is of the log {origin!r}.")
    found = _records(said["records"], origin, size, root, said["facts"]["run_id"])
    known = facts_of(found)
    for name in sorted({*known, *said["facts"]}):
        if name not in known or name not in said["facts"] or not _same(known[name], said["facts"][name]):
            raise _Tampered(f"What the receipt says under {name!r} is not what its records say.")
    if not _same(statement["subject"], subject_of(known)):
        raise _Tampered("The subject of the receipt is not what its records say.")
    if missing := missing_of(found):
        raise _CannotJudge("What is missing: " + "; ".join(missing) + ".")
    words = _plain(f"{len(found)} records of run {known['run_id']} are in the log {origin}")
    return Verdict(VERIFIED, f"{words}, under its checkpoint of {size} records with root {root.hex()}.", facts=known)


def encoding(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE envelope signs (PAE)."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _envelope(text: str) -> tuple[str, bytes, bytes]:
    """Key id, payload and signature. The file has one spelling, so that no byte of it can be another one."""
    envelope = _json(text)
    (one,) = envelope["signatures"]
    if json.dumps(envelope, indent=2) + "\n" != text or set(envelope) != {"payload", "payloadType", "signatures"}:
        raise _CannotJudge("The file is not spelled as a receipt is: it was changed, cut off, or written anew.")
    if envelope["payloadType"] != PAYLOAD_TYPE or set(one) != {"keyid", "sig"}:
        raise _CannotJudge("The envelope holds something else than a receipt.")
    return str(one["keyid"]), _base64(envelope["payload"]), _base64(one["sig"])


def _blame(payload: bytes, keys: Mapping[str, bytes]) -> None:
    """The signature does not fit: say which record was changed, if one can be told, and raise in any case."""
    try:
        said = _json(payload)["predicate"]
        origin, size, root = _checkpoint(said["checkpoint"], keys)
        _records(said["records"], origin, size, root, said["facts"]["run_id"])
    except _Tampered:
        raise
    except (_CannotJudge, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        pass
    raise _Tampered("The receipt was changed after it was signed: its signature does not fit.")


def _checkpoint(note: str, keys: Mapping[str, bytes]) -> tuple[str, int, bytes]:
    """Origin, size and root of a signed checkpoint (C2SP tlog-checkpoint)."""
    body, _, lines = note.rpartition("\n\n")
    signed = (body + "\n").encode()
    origin, size, root = body.split("\n")[:3]
    good = False
    for line in lines.removesuffix("\n").split("\n"):
        dash, name, encoded = line.split(" ")
        data = _base64(encoded)
        public = keys.get(f"{name}+{data[:4].hex()}")
        if dash != "\u2014" or name != origin or public is None:
            continue  # of a witness, or of a key that is not known here
        if not _holds(public, data[4:], signed):
            raise _Tampered("The checkpoint was changed: its signature does not fit.")
        good = True
    if not good:
        raise _CannotJudge(f"The checkpoint of the log {origin!r} is signed by none of the keys given.")
    if not size.isascii() or not size.isdigit() or len(_base64(root)) != 32:
        raise _CannotJudge("The checkpoint has no size or no root.")
    return origin, int(size), _base64(root)


def _records(told: Sequence[Any], origin: str, size: int, root: bytes, run_id: str) -> list[tuple[int, dict[str, Any]]]:
    """Place and body of each record, all of them shown to be under the root, of this run and of this log."""
    found: list[tuple[int, dict[str, Any]]] = []
    for one in told:
        record, leaf = one["leaf"], one["leaf"].encode()
        place = one.get("seq")
        if set(one) != {"leaf", "proof", "seq"} or type(place) is not int:
            raise _CannotJudge("A record is not of the form.")
        if not _included(sha256(b"\x00" + leaf).digest(), place, size, [_base64(step) for step in one["proof"]], root):
            raise _Tampered(f"Record {place} was altered or is of another log: it is not under the root.", place)
        read = _json(record)
        body = read["body"]
        if read["seq"] != place:
            raise _Tampered(f"Record {place} stands in the log as {read['seq']}.", place)
        if origin.rpartition("/")[2] != quote(body["tenant"], safe=""):
            raise _Tampered(f"Record {place} is of the tenant {body['tenant']!r}.", place)
        if body.get("run_id") != run_id:
            raise _Tampered(f"Record {place} is of the run {body.get('run_id')!r}, not of {run_id!r}.", place)
        if body["format"] != 1:
            raise _CannotJudge(f"Record {place} has format {body['format']}, which this verifier does not read.")
        if found and place <= found[-1][0]:
            raise _Tampered(f"Record {place} stands twice or out of order.", place)
        found.append((place, body))
    if not found:
        raise _CannotJudge("What is missing: every record of the run.")
    return found


def _included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size or any(len(step) != 32 for step in proof):
        return False
    fn, sn, node = index, size - 1, leaf
    for step in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = sha256(b"\x01" + step + node).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha256(b"\x01" + node + step).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and node == root


def facts_of(records: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    """What the records of a run say, in the words of a receipt; ``record`` is the place of the record that says it.

    The maker of a receipt calls this too: nothing else can stand in one.
    """
    opened = [(seq, body) for seq, body in records if body["event"] in _OPENS]
    last, first = (opened[-1][1] if opened else {}), records[0][1]
    said = last.get("payload", {})
    facts: dict[str, Any] = {
        "run_id": first["run_id"],
        "tenant": first["tenant"],
        "flow": next((body["flow"] for _, body in records if body.get("flow")), ""),
        "requester": last.get("subject", ""),
        "opened_at": first["at"],
        "attempts": len(opened),
        "records": {"count": len(records), "first": records[0][0], "last": records[-1][0]},
    }
    for name in ("assurance", "mode", "environment", "ir_hash", "plan_hash", "policy_digest"):
        facts[name] = said.get(name) or ""
    decided = [
        {"record": seq, "step": step, **{key: one.get(key) for key in ("tier", "verdict", "rule")}}
        for seq, body in opened
        for step, one in sorted((body["payload"].get("steps") or {}).items())
    ]
    answers = ("step.decided", "step.refused", "step.intent", "step.cached")
    facts["ends"] = _rows(records, ("run.closed", "run.refused"), "failed", "code", "missing", "stopped")
    facts["decisions"] = decided + _rows(records, answers, "tier", "verdict", "rule", "code")
    facts["approvals"] = _approvals(records)
    facts["diff_audit"] = _rows(records, ("ir.dag_diff_",), "approved", "loaded", "approved_by")
    conformance = ("run.reconciled", "step.refused", "step.uncertain", "step.outcome", "run.closed")
    facts["conformance"] = _rows(records, conformance, "code", "missing", "state")
    return facts


def _rows(
    records: Iterable[tuple[int, Mapping[str, Any]]], events: tuple[str, ...], *names: str
) -> list[dict[str, Any]]:
    """Of each record whose event begins so: where it is, what it is, when, of which step, and these of its payload."""
    rows = []
    for seq, body in records:
        if body["event"].startswith(events):
            step = {"step": body["step_id"]} if body.get("step_id") else {}
            rows.append({"record": seq, "event": body["event"], "at": body["at"], **step, **_of(body, *names)})
    return rows


def _approvals(records: Sequence[tuple[int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for seq, body in records:
        event, request = body["event"], body["payload"].get("request_id")
        if not isinstance(request, str) or not event.startswith(("approval.", "ir.approval_")):
            continue
        one = found.setdefault(request, {"request_id": request, "step": body.get("step_id"), "records": []})
        told = _of(body, "decision", "assurance", "through", "kind", "approved_by", "standing", "review_by")
        one["records"].append({"record": seq, "event": event, "by": body["subject"], "at": body["at"], **told})
    return list(found.values())


def _of(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: body["payload"][name] for name in names if body["payload"].get(name) is not None}


def subject_of(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the statement is about: the IR and the plan by their hashes, else the run by its name's hash."""
    named = {"ir": facts["ir_hash"], "plan": facts["plan_hash"]}
    hashes = {f"{name}:{facts['flow']}": digest.removeprefix("sha256:") for name, digest in named.items() if digest}
    hashes = hashes or {"run": sha256(facts["run_id"].encode()).hexdigest()}
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in hashes.items()]


def missing_of(records: Sequence[tuple[int, Mapping[str, Any]]]) -> list[str]:
    """What these records rest on and what is not among them: a run shows its own beginning, answers and intents."""
    begun = any(body["event"] in (*_OPENS, "run.refused") for _, body in records)
    missing = [] if begun else ["the record that opened the run"]
    seen: dict[str, set[str]] = {}
    intents: set[tuple[Any, ...]] = set()
    for seq, body in records:
        event, said = body["event"], body["payload"]
        call = (body.get("step_id"), said.get("task_run_id"), body.get("attempt"))
        request = said.get("request_id")
        if event == "step.intent":
            intents.add(call)
            for one in (request, said.get("plan_request_id")):
                if isinstance(one, str) and "ir.approval_consumed" not in seen.get(one, ()):
                    missing.append(f"that the approval {one}, on which record {seq} rests, was exercised")
        elif event == "step.outcome" and call not in intents:
            missing.append(f"the intent of the outcome in record {seq}")
        elif event == "ir.approval_consumed" and "approval.granted" not in seen.get(str(request), ()):
            missing.append(f"that the approval {request}, exercised in record {seq}, was granted")
        elif event == "approval.granted" and not said.get("standing"):
            silent = {"by " + who for who in said.get("approved_by", ())} - seen.get(str(request), set())
            missing += [f"the vote {who} on {request}" for who in sorted(silent)]
            missing += [] if said.get("approved_by") else [f"who approved {request}, granted in record {seq}"]
        if isinstance(request, str):
            seen.setdefault(request, set()).add(event)
            if event == "approval.vote" and (said.get("decision"), said.get("kind")) in _YES:
                seen[request].add("by " + body["subject"])
            elif event == "approval.vote":  # a no, or a yes that was taken back
                seen[request].discard("by " + body["subject"])
    return missing


def told(facts: Mapping[str, Any]) -> str:
    """The facts of a receipt, for people."""
    who = f"{facts['requester']} ({facts['assurance'] or '?'})"
    lines = [f"run {facts['run_id']} of {facts['flow']}", f"  asked by {who}"]
    names = ("tenant", "environment", "mode", "opened_at", "ir_hash", "plan_hash", "policy_digest")
    lines += [f"  {name.replace('_', ' ')}: {facts[name]}" for name in names if facts[name]]
    for heading in ("ends", "diff_audit", "decisions", "conformance"):
        lines += [heading.replace("_", " ")] * bool(facts[heading]) + ["  " + _row(one) for one in facts[heading]]
    for one in facts["approvals"]:
        lines += [f"approval {one['request_id']} of {one['step']}", *("  " + _row(row) for row in one["records"])]
    held = facts["records"]
    lines.append(f"{held['count']} records of the log, from {held['first']} to {held['last']}")
    return "\n".join(map(_plain, lines))


def _plain(line: str) -> str:
    """A line that moves no cursor: a file could write a verdict of its own over this one."""
    return "".join(char if char.isprintable() else "?" for char in line)


def _row(one: Mapping[str, Any]) -> str:
    return f"{one['record']:>6}  " + "  ".join(f"{key}={value}" for key, value in one.items() if key != "record")


def _keys(words: Iterable[str]) -> dict[str, bytes]:
    """Public keys by ``NAME+KEYID``; the id is a hash of the rest, so that no key passes for another."""
    found = {}
    for word in words:
        try:
            name, key_id, encoded = word.split("+", 2)
            data = _base64(encoded)
        except ValueError:
            raise _CannotJudge(f"{word!r} is no verifier key: it is NAME+KEYID+KEY, one word.") from None
        if sha256(name.encode() + b"\n" + data).digest()[:4].hex() != key_id or len(data) != 33:
            raise _CannotJudge(f"The verifier key {name!r} was changed: its id is not that of its bytes.")
        if data[0] == 1:  # a log's; those of witnesses count for nothing here
            found[f"{name}+{key_id}"] = data[1:]
    if not found:
        raise _CannotJudge("What is missing: the verifier key of the log (--key).")
    return found


def _holds(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise _CannotJudge("What is missing: the package cryptography (pip install cryptography).") from None
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _base64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 in another spelling")
    return data


def _json(text: str | bytes) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _same(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def words_of(keys: Iterable[str]) -> list[str]:
    """Verifier keys: each value is one, several on lines, or the name of a file that holds them."""
    found: list[str] = []
    for key in keys:
        is_file = "\n" not in key and len(key) < 4096 and Path(key).is_file()
        found += (Path(key).read_text(encoding="utf-8") if is_file else key).split()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Verify the file that the command line names, and print the verdict."""
    parser = argparse.ArgumentParser(description="Verify a govflow receipt: 0 verified, 1 tampered, 4 cannot judge.")
    parser.add_argument("receipt", type=Path)
    parser.add_argument("--key", action="append", default=[], help="NAME+KEYID+KEY, or a file of such keys")
    given = parser.parse_args(argv)
    try:
        text, keys = given.receipt.read_bytes().decode(), words_of(given.key)
    except (OSError, UnicodeDecodeError) as error:
        _print(f"{CANNOT_JUDGE}: a file cannot be read: {error}")
        return EXIT[CANNOT_JUDGE]
    verdict = judge(text, keys)
    _print(f"{verdict.outcome}: {verdict.words}" + ("" if verdict.facts is None else "\n" + told(verdict.facts)))
    return EXIT[verdict.outcome]


def _print(words: str) -> None:
    """Wherever it goes to: an error here would end Python with 1, and 1 is a verdict."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal's letters cannot spell
    try:
        print(words, flush=True)
    except OSError:  # the reader has seen enough, or a disk is full: Python would try again at exit, and end with 120
        with suppress(OSError):
            sys.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
