"""What the arithmetic of the audit log costs: proofs, checkpoints, witnessing, and verifying records.

Tiles are bytes in memory, as a store would give them. Only the last figures are of a database and of an export: from
the file to the verdict. Times are CPU time, so that other processes of the machine count for less.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks import audit_logs
from benchmarks.report import Result
from govflow.audit.body import make_body
from govflow.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from govflow.audit.cosignature import Cosigner
from govflow.audit.leaf import leaf_bytes, leaf_digest
from govflow.audit.merkle import verify_consistency, verify_inclusion
from govflow.audit.proofs import prove_consistency, prove_inclusion, root_at
from govflow.audit.record import GENESIS, Draft, Entry
from govflow.audit.tiles import GrowingTiles, Tile, TiledHashes, TilePlace
from govflow.audit.verifier_key import Kind, VerifierKey
from govflow.audit.verify import Outcome, verify
from govflow.audit.witness import AddCheckpoint, Witnessed, decide
from govflow.services.verify_audit import LogVerdict, verify_log
from govflow.services.verify_export import verify_export
from govflow.services.verify_in_processes import cores
from govflow.settings import load_settings

RECORDS = 1_000_000
PROOFS = 2_000
GOAL_PROOF_US = 100.0
GOAL_VERIFY = 90_000.0  # records a second
_BATCH = 256
_SLICE = 100_000  # records in memory at once
_NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_TENANT = "acme"
_ORIGIN = "log.example/acme"


def run(records: int = RECORDS) -> list[Result]:
    """Measure a log of so many records."""
    growing, rows, grown = _tiles(records)
    hashes = TiledHashes(records, _reader(rows))
    return [
        Result("append a leaf to the tiles", grown, "us", detail={"batch": _BATCH, "leaves": records}),
        *_proofs(hashes, growing.compact().root(), records),
        *_checkpoints(hashes, records),
        _verified(records),
        *_whole_logs(records),
    ]


def _tiles(records: int) -> tuple[GrowingTiles, dict[tuple[int, int], bytes], float]:
    """Tiles of a log, as bytes by address, and what a leaf cost in microseconds."""
    growing, rows = GrowingTiles(), dict[tuple[int, int], bytes]()
    leaves = [leaf_digest(number.to_bytes(8, "big")) for number in range(records)]
    began = time.process_time()
    for start in range(0, records, _BATCH):
        for place, tile in growing.append(leaves[start : start + _BATCH]):
            rows[place.level, place.index] = tile.to_bytes()
    return growing, rows, (time.process_time() - began) / records * 1e6


def _reader(rows: dict[tuple[int, int], bytes]) -> Callable[[Sequence[TilePlace]], list[Tile]]:
    return lambda places: [Tile(rows[place.level, place.index], place.width) for place in places]


def _proofs(hashes: TiledHashes, root: bytes, records: int) -> list[Result]:
    draw = random.Random(1)
    indexes = [draw.randrange(records) for _ in range(PROOFS)]
    edge = [records - 1 - draw.randrange(min(records, _BATCH)) for _ in range(PROOFS)]
    leaves = [leaf_digest(index.to_bytes(8, "big")) for index in indexes]
    sizes = [index + 1 for index in indexes]
    roots = [root_at(hashes, size) for size in sizes]
    included = [prove_inclusion(hashes, index, records) for index in indexes]
    grown = [prove_consistency(hashes, size, records) for size in sizes]
    detail = {"records": records, "proofs": PROOFS}
    return [
        Result(
            "make an inclusion proof",
            _each(lambda at: prove_inclusion(hashes, indexes[at], records)),
            "us",
            GOAL_PROOF_US,
            detail=detail,
        ),
        Result(
            "make an inclusion proof of one of the last records",
            _each(lambda at: prove_inclusion(hashes, edge[at], records)),
            "us",
            GOAL_PROOF_US,
            detail=detail,
        ),
        Result(
            "make a consistency proof",
            _each(lambda at: prove_consistency(hashes, sizes[at], records)),
            "us",
            GOAL_PROOF_US,
            detail=detail,
        ),
        Result(
            "check an inclusion proof",
            _each(lambda at: verify_inclusion(leaves[at], indexes[at], records, included[at], root)),
            "us",
            detail=detail,
        ),
        Result(
            "check a consistency proof",
            _each(lambda at: verify_consistency(sizes[at], records, grown[at], roots[at], root)),
            "us",
            detail=detail,
        ),
    ]


def _checkpoints(hashes: TiledHashes, records: int) -> list[Result]:
    private = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    key = VerifierKey(_ORIGIN, Kind.NOTE, private.public_key().public_bytes_raw())
    witness = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
    head, before = Checkpoint(_ORIGIN, records, root_at(hashes, records)), records // 2
    note = sign_checkpoint(head, private)
    text = str(note.with_signatures(witness.cosign(head, _NOW)))
    latest = Witnessed(before, root_at(hashes, before))
    request = AddCheckpoint(before, tuple(prove_consistency(hashes, before, records)), note)
    if decide(request, [key], latest, witness, _NOW).status != 200:
        raise RuntimeError("the witness refused what it should cosign")

    def opened(_: int) -> None:
        open_checkpoint(text, origin=_ORIGIN, keys=[key], witnesses=[witness.key], quorum=1, now=_NOW)

    return [
        Result("sign a checkpoint", _each(lambda _: sign_checkpoint(head, private)), "us"),
        Result("open a checkpoint with one witness", _each(opened), "us"),
        Result("decide as a witness", _each(lambda _: decide(request, [key], latest, witness, _NOW)), "us"),
    ]


def _each(work: Callable[[int], object]) -> float:
    """Microseconds of CPU for one call, over all of them."""
    began = time.process_time()
    for at in range(PROOFS):
        work(at)
    return (time.process_time() - began) / PROOFS * 1e6


def _verified(records: int) -> Result:
    """Records a second. They are made in slices, and the time for that is taken off."""
    making = 0.0
    prev = GENESIS

    def made(start: int, end: int) -> list[Entry]:
        nonlocal making, prev
        began = time.process_time()
        entries = []
        for seq in range(start, end):
            body = make_body(_draft(seq), writer="w", writer_seq=seq, commitments={"where": "sha256:" + "0" * 64})
            digest = leaf_digest(leaf_bytes(seq, prev, body))
            entries.append(Entry(seq, prev, body, "sha256:" + digest.hex()))
            prev = entries[-1].hash
        making += time.process_time() - began
        return entries

    def walked() -> Iterator[Entry]:
        for start in range(0, records, _SLICE):
            yield from made(start, min(start + _SLICE, records))

    began = time.process_time()
    verdict = verify(walked(), None)
    took = time.process_time() - began - making
    # Without a head the verdict is that it cannot be judged; a record that is not good would have been named.
    if verdict.outcome is not Outcome.CANNOT_JUDGE or verdict.records != records:
        raise RuntimeError(f"the log that was made does not verify: {verdict}")
    size = len(make_body(_draft(0), writer="w", writer_seq=0, commitments={"where": "sha256:" + "0" * 64}))
    return Result(
        "verify records",
        records / took,
        "records/s",
        GOAL_VERIFY,
        at_least=True,
        detail={"records": records, "body_bytes": size},
    )


def _whole_logs(records: int) -> list[Result]:
    """From the file to the verdict, with one process and with one for each core."""
    private = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    with TemporaryDirectory() as folder:
        database, export = Path(folder, "log.db"), Path(folder, "log.jsonl")
        audit_logs.database(database, records)
        key = audit_logs.export(database, export, private, _ORIGIN)
        settings = load_settings()
        return [
            *_both_ways("a database", records, lambda jobs: verify_log(settings, str(database), jobs=jobs)[0]),
            *_both_ways("an export", records, lambda jobs: verify_export([export], [key], jobs=jobs)),
        ]


def _both_ways(what: str, records: int, verified: Callable[[int], LogVerdict]) -> Iterator[Result]:
    jobs = cores()
    for count in sorted({1, jobs}):
        began, since = os.times(), time.perf_counter()
        verdict = verified(count).verdict
        ended, took = os.times(), time.perf_counter() - since
        if verdict.outcome is not Outcome.VERIFIED or verdict.records != records:
            raise RuntimeError(f"the log that was made does not verify: {verdict}")
        spent = sum(ended[:4]) - sum(began[:4])
        detail = {"records": records, "jobs": count, "seconds": round(took, 3)}
        name = f"verify {what}, {count} process{'es' if count > 1 else ''}, for each core-second"
        yield Result(name, records / spent, "records/s", GOAL_VERIFY, at_least=True, detail=detail)


def _draft(seq: int) -> Draft:
    payload = {"task_run_id": f"{seq:032x}", "rule": "starter.pass", "tier": 1, "policy_digest": "sha256:" + "a" * 64}
    return Draft(
        "step.intent",
        _TENANT,
        _NOW,
        "ada",
        f"run-{seq // 50}",
        "etl",
        "etl/load#1",
        1,
        f"run-{seq // 50}",
        payload=payload,
    )
