"""What a policy decision costs, beside other engines with the same rules and requests.

The engines take turns, round by round, in one process, so that a busy machine meets all of them alike; figures are CPU
time, medians of the rounds; a comparison is the median of the ratios of each round. An engine is compared only after it
gave the same rule for every request that it is timed with.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.policy_peers import NONE, Peer, considered, peers
from benchmarks.policy_rules import requests, seed, tenants, words, zipf
from benchmarks.report import Result, median_with_interval
from govflow.ir.vocabulary import Vocabulary
from govflow.policy import Engine, Memo, PolicyDocument, PolicyRequest
from govflow.policy.analysis.lint import lint
from govflow.policy.recorded import Recorded
from govflow.services.policy_text import policy_yaml
from govflow.services.recorded_files import read_recorded
from govflow.services.simulate_policy import replay
from tests.policy import plain

ROUNDS: Final = 15
BATCH: Final = 3000  # decisions of ours in a round
SLICE: Final = 0.03  # seconds of CPU that another engine gets in a round
CHECKED: Final = 300  # requests for which another engine has to name the same rule
MANY: Final = 10_000
RECORDED: Final = 20_000
MILLION: Final = 1_000_000

Timed = dict[str, Callable[[], float]]
"""For each name something that takes a round, and says the seconds of one decision."""


def run() -> list[Result]:
    """Measure."""
    return [*_few(), *_many(), *_words(), *_tools()]


def _few() -> list[Result]:
    """28 rules: ours, remembered, and everybody else."""
    document = seed()
    engine = Engine(document)
    memo = Memo(engine)
    distinct = requests(document)
    often = zipf(distinct, BATCH)
    timed: Timed = {
        "ours": lambda: _each(engine.decide, often),
        "all distinct": lambda: _each(engine.decide, distinct),
        "memo": lambda: _each(memo.decide, often),
        "key": lambda: _each(memo.key, often),
        "plain evaluator": _turns(lambda request: plain.said(document.policy, request), distinct),
    }
    detail = _with_peers(timed, document, engine, distinct)
    rounds = _rounds(timed)
    found = [
        _micro("decision by 28 rules, Decision included", rounds["ours"], 3.0, detail),
        _micro("decision by 28 rules, requests all distinct", rounds["all distinct"]),
        _micro("decision through a memo, 28 rules", rounds["memo"], 2.0, {"remembers": memo.remembers}),
        _micro("key of a request by the 18 attributes that they read", rounds["key"]),
    ]
    return found + _compared(rounds, "28 rules", 80)


def _many() -> list[Result]:
    """10,000 rules: warm, loading, memory, and how the time grew."""
    document, small = tenants(MANY), Engine(seed())
    engine = Engine(document)
    distinct = requests(document, tenant_count=MANY // 28)
    few = zipf(requests(seed()), BATCH)
    often = zipf(distinct, BATCH)
    timed: Timed = {
        "ours": lambda: _each(engine.decide, often),
        "28 rules": lambda: _each(small.decide, few),
        "plain evaluator": _turns(lambda request: plain.said(document.policy, request), distinct),
    }
    detail = _with_peers(timed, document, engine, distinct, only="cedarpy", checked=20)
    rounds = _rounds(timed, 9)
    growth = [many / one for many, one in zip(rounds["ours"], rounds["28 rules"], strict=True)]
    first = Engine(document)
    cold = _each(first.decide, distinct)
    return [
        _micro(f"decision by {MANY:,} rules, warm", rounds["ours"], 12.0, detail),
        Result(f"first decisions of a new engine, {MANY:,} rules, mean", cold * 1e6, "µs"),
        _ratio(f"{MANY:,} rules over 28 rules", growth, 10.0),
        *_compared(rounds, f"{MANY:,} rules", 500, left_out="28 rules"),
        *_loaded(),
    ]


def _loaded() -> list[Result]:
    """Loading 10,000 rules from a file, in a process of its own, and what it holds then."""
    with tempfile.TemporaryDirectory(prefix="govflow-bench-") as folder:
        file = Path(folder) / "policy.yaml"
        file.write_text(policy_yaml(tenants(MANY)), encoding="utf-8")
        told = [json.loads(_child("load", str(file))) for _ in range(3)]
    return [
        Result(
            f"{MANY:,} rules read, checked and compiled, CPU", statistics.median(one["load"] for one in told), "s", 3.0
        ),
        Result("of it: the YAML reader", statistics.median(one["yaml"] for one in told), "s"),
        Result(
            f"memory of an engine of {MANY:,} rules, document included",
            statistics.median(one["held"] for one in told),
            "MB",
            150.0,
            detail={"peak_of_the_process_mb": round(statistics.median(one["peak"] for one in told), 1)},
        ),
    ]


def _words() -> list[Result]:
    """Sets made to defeat the index."""
    found = []
    for letters, name, goal in ((5, "*word*", 100.0), (2, "*ab*, which nothing can file", 6000.0)):
        engine = Engine(words(MANY, letters))
        cold = [_asked(f"s3://bucket{number}/w0042-w0777-{number}/x") for number in range(20)]
        engine.decide(cold[0])
        values = [_each(engine.decide, [one]) for one in cold[1:]]
        again = _each(engine.decide, cold[1:2] * 1000)
        detail = {"the_same_again_us": round(again * 1e6, 2)}
        found.append(_micro(f"{MANY:,} globs {name}: a resource that is new", values, goal, detail))
    return found


def _tools() -> list[Result]:
    """Lint, and the replay of recorded decisions."""
    document = tenants(MANY)
    start = time.process_time()
    report = lint(document, vocabulary=Vocabulary.default(), now=datetime(2027, 1, 1, tzinfo=UTC))
    linted = time.process_time() - start
    engine = Engine(seed())
    often = zipf(requests(seed()), RECORDED)
    with tempfile.TemporaryDirectory(prefix="govflow-bench-") as folder:
        file = Path(folder) / "decisions.jsonl"
        with file.open("w", encoding="utf-8") as lines:
            for number, request in enumerate(often):
                lines.write(json.dumps(_recorded(engine, request, number).to_dict()) + "\n")
        start = time.process_time()
        replayed = replay(engine, read_recorded(file))
        took = time.process_time() - start
    assert replayed.records == RECORDED
    return [
        Result(f"lint of {MANY:,} rules, CPU", linted, "s", 2.0, detail={"findings": len(report.findings)}),
        Result(
            f"replay of {MILLION:,} recorded decisions from a file, CPU",
            took * MILLION / RECORDED,
            "s",
            60.0,
            detail={"replayed": RECORDED, "scaled": True},
        ),
    ]


def _recorded(engine: Engine, request: PolicyRequest, number: int) -> Recorded:
    decision = engine.decide(request)
    return Recorded(
        effect=decision.effect,
        rule=decision.rule,
        requests=(request,),
        policy_digest=decision.policy_digest,
        rules=decision.rules,
        at="2026-11-22T17:05:29.000001Z",
        run_id=f"run-{number // 20}",
        flow="flows/etl.py:nightly",
        step_id="nightly/load#1",
        complete=True,
    )


def _with_peers(
    timed: Timed, document: PolicyDocument, engine: Engine, distinct: Sequence[PolicyRequest], *, only: str = "",
    checked: int = CHECKED,
) -> dict[str, Any]:  # fmt: skip
    """Add the other engines to what is timed; says of each whether it agrees, or why it is left out."""
    places = {rule.name: place for place, rule in enumerate(considered(document))}
    told: dict[str, Any] = {}
    for peer in peers(document, only):
        if isinstance(peer, str):
            print(f"policy: {peer}", file=sys.stderr)
            told[peer.partition(":")[0]] = "left out: not installed"
            continue
        asked = distinct[: _affordable(peer, distinct[0], checked)]
        wrong = sum(peer.decide(peer.prepare(one)) != places.get(engine.decide(one).rule, NONE) for one in asked)
        told[peer.name] = f"{len(asked) - wrong} of {len(asked)} agree"
        if not wrong:
            timed[peer.name] = _turns(_whole(peer), distinct)
    return told


def _whole(peer: Peer) -> Callable[[PolicyRequest], Any]:
    return lambda request: peer.decide(peer.prepare(request))


def _affordable(peer: Peer, request: PolicyRequest, most: int) -> int:
    """How many requests are asked to see whether it agrees: not more than three seconds of them."""
    start = time.process_time()
    peer.decide(peer.prepare(request))
    return max(3, min(most, int(3 / max(time.process_time() - start, 1e-6))))


def _turns(decide: Callable[[PolicyRequest], Any], distinct: Sequence[PolicyRequest]) -> Callable[[], float]:
    """A slice of time for an engine, going on through the requests from round to round."""
    place = 0

    def take() -> float:
        nonlocal place
        start, count = time.process_time(), 0
        while True:
            decide(distinct[place % len(distinct)])
            place += 1
            count += 1
            took = time.process_time() - start
            if took > SLICE:
                return took / count

    return take


def _each(decide: Callable[[PolicyRequest], Any], asked: Sequence[PolicyRequest]) -> float:
    start = time.process_time()
    for request in asked:
        decide(request)
    return (time.process_time() - start) / len(asked)


def _rounds(timed: Timed, rounds: int = ROUNDS) -> dict[str, list[float]]:
    for warm in timed.values():
        warm()
    found: dict[str, list[float]] = {name: [] for name in timed}
    gc.collect()
    for _ in range(rounds):
        for name, take in timed.items():
            found[name].append(take())
    return found


def _compared(rounds: dict[str, list[float]], what: str, goal: float, left_out: str = "") -> list[Result]:
    results = []
    for name, values in rounds.items():
        if name in {"ours", "memo", "key", "all distinct", left_out}:
            continue
        ratios = [theirs / ours for theirs, ours in zip(values, rounds["ours"], strict=True)]
        theirs = statistics.median(values) * 1e6
        results.append(_ratio(f"{name} over ours, {what}", ratios, goal if name == "cedarpy" else None, theirs))
    return results


def _micro(metric: str, values: Sequence[float], goal: float | None = None, detail: Any = None) -> Result:
    middle, low, high = median_with_interval([value * 1e6 for value in values])
    told = {"low": round(low, 3), "high": round(high, 3), "rounds": len(values), **(detail or {})}
    return Result(metric, middle, "µs", goal, detail=told)


def _ratio(metric: str, values: Sequence[float], goal: float | None, theirs: float | None = None) -> Result:
    middle, low, high = median_with_interval(values)
    detail: dict[str, Any] = {"low": round(low, 2), "high": round(high, 2), "rounds": len(values)}
    if theirs is not None:
        detail["us_a_decision"] = round(theirs, 2)
    return Result(metric, middle, "ratio", goal, at_least=theirs is not None, detail=detail)


def _asked(resource: str) -> PolicyRequest:
    return PolicyRequest(frozenset({"role:developer"}), "data:read", "python", resource, {})


def _child(*words_: str) -> str:
    command = [sys.executable, "-m", "benchmarks.policy_task", *words_]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
