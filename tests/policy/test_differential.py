"""The engine and the plain evaluator agree on effect, deciding rule, matching rules, obligations and exceptions."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.policy import engine as engine_module
from govflow.policy import memo as memo_module
from govflow.policy.engine import Engine
from govflow.policy.globs import compile_globs, normal_glob, normal_resource
from govflow.policy.index import Index, Targets, literals
from govflow.policy.memo import Memo
from govflow.policy.model import PolicyRequest
from govflow.policy.rules import PolicySet
from tests.conftest import IN_CI
from tests.policy import drawn, plain
from tests.policy.build import document


def differs(standing: Engine, policy: PolicySet, asked: PolicyRequest) -> bool:
    decision = standing.decide(asked)
    answer = (
        decision.effect,
        decision.rule,
        list(decision.rules),
        list(decision.obligations),
        list(decision.exceptions),
    )
    again = standing.decide(asked)  # by what was kept the first time
    return answer != plain.said(policy, asked) or again != decision


@given(st.randoms(use_true_random=False))
def test_a_plain_evaluator_agrees(random: Random) -> None:
    policy = drawn.policy(random)
    standing = Engine(document(policy))
    for _ in range(5):
        asked = drawn.request(random)
        assert not differs(standing, policy, asked), (policy, asked)


@pytest.mark.parametrize("seed", range(4))
def test_a_hundred_thousand_drawn_pairs_agree(seed: int) -> None:
    """25,000 pairs for each seed in CI, a tenth of that at a desk; the same ones at every run."""
    random = Random(seed)
    rules: Counter[str] = Counter()
    for _ in range(250 if IN_CI else 25):
        policy = drawn.policy(random)
        standing = Engine(document(policy))
        for _ in range(100):
            asked = drawn.request(random)
            assert not differs(standing, policy, asked), (policy, asked)
            decision = standing.decide(asked)
            rules[decision.rule if decision.rule in {"default", "error"} else str(decision.effect)] += 1
            rules["exempt"] += bool(decision.exceptions)
    # Each kind of answer was drawn, and often where there is time for it.
    assert min(rules.values()) > (100 if IN_CI else 0), rules
    assert rules.keys() == {"default", "error", "allow", "deny", "require_approval", "exempt"}


@given(
    globs=st.lists(
        st.one_of(st.sampled_from(drawn.GLOBS), st.text("ab/:.*?[]!-_", min_size=1, max_size=8)), max_size=4
    ),
    texts=st.lists(st.one_of(st.sampled_from(drawn.RESOURCES[:8]), st.text("ab/:.[]!-_", max_size=8)), max_size=8),
)
def test_filing_never_leaves_out_a_rule_that_matches(globs: list[str], texts: list[str]) -> None:
    sound = []
    for glob in globs:
        try:
            sound.append(normal_glob(glob))
        except ValueError:
            continue
    index = Index(sound, lambda glob: Targets((literals(glob),), None))
    for text in texts:
        try:
            resource = normal_resource(text)
        except ValueError:
            continue
        found = index.candidates(resource, frozenset())
        for glob in sound:
            matches = compile_globs([glob])
            assert glob in found or not (matches is None or matches(resource)), (glob, resource)


def test_few_of_many_rules_are_asked() -> None:
    globs = [f"dataset://tenant{number}/*" for number in range(1000)] + [f"*word{number:03}*" for number in range(500)]
    index = Index(globs, lambda glob: Targets((literals(glob),), None))
    assert index.candidates("dataset://tenant7/x", frozenset()) == ("dataset://tenant7/*",)
    assert len(index.candidates("s3://bucket/word123/x", frozenset())) <= 10
    people = Index(range(1000), lambda number: Targets(None, frozenset({f"user:u{number}"})))
    assert people.candidates("x", {"user:u7", "role:dev"}) == (7,)


def test_all_matching_rules_are_told_on_demand() -> None:
    random = Random(7)
    for _ in range(50):
        policy = drawn.policy(random)
        standing = Engine(document(policy))
        for _ in range(20):
            asked = drawn.request(random)
            told = standing.matching(asked)
            decision = standing.decide(asked)
            assert set(decision.rules) <= set(told)
            alone = [
                name for rule in standing for name in plain.said(policy.model_copy(update={"rules": (rule,)}), asked)[2]
            ]
            assert list(told) == alone


def test_threads_that_share_an_engine_and_a_memo_get_the_plain_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches are dropped all the time under them, and no answer is another request's."""
    monkeypatch.setattr(engine_module, "_MAX_KEPT", 3)
    monkeypatch.setattr(memo_module, "MAX_KEPT", 3)
    random = Random(5)
    policy = drawn.policy(random, most=30)
    requests = [drawn.request(random) for _ in range(60)]
    answers = [plain.said(policy, asked)[:2] for asked in requests]
    standing = Engine(document(policy))
    remembering = Memo(standing)

    def wrong(seed: int) -> int:
        order = Random(seed)
        found = 0
        for _ in range(300):
            number = order.randrange(len(requests))
            for deciding in (standing, remembering):
                decision = deciding.decide(requests[number])
                found += (decision.effect, decision.rule) != answers[number]
        return found

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(wrong, range(16))) == 0


def test_a_reload_serves_nothing_of_the_policy_before() -> None:
    """An engine never changes: who holds the new one gets its answers, under its digest, from the first request on."""
    random = Random(6)
    requests = [drawn.request(random) for _ in range(40)]
    for _ in range(20):
        policy = drawn.policy(random)
        new = Memo(Engine(document(policy)))
        for asked in requests:
            decision = new.decide(asked)
            assert (decision.effect, decision.rule) == plain.said(policy, asked)[:2]
            assert decision.policy_digest == new.digest
