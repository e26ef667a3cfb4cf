"""Actions and providers are closed sets with a way to register more."""

from __future__ import annotations

import re

import pytest

from govflow.errors import VocabularyError
from govflow.ir.models import Effect
from govflow.ir.vocabulary import Vocabulary
from tests.ir import plans

DEFAULT = Vocabulary.default()


@pytest.mark.covers("S5-03", "S5-04")
def test_every_word_that_ships_has_its_shape_and_a_meaning() -> None:
    for action, meaning in DEFAULT.actions.items():
        assert re.fullmatch(r"[a-z_]+:[a-z_]+", action)
        assert meaning
    for provider, meaning in DEFAULT.providers.items():
        assert re.fullmatch(r"[a-z0-9_-]+", provider)
        assert meaning


def test_the_defaults_of_a_step_are_registered() -> None:
    DEFAULT.check(plans.plan(plans.step("a#1")))
    DEFAULT.check(plans.etl())


@pytest.mark.covers("S5-33")
def test_unknown_action_is_refused_with_what_was_meant() -> None:
    with pytest.raises(VocabularyError) as caught:
        DEFAULT.check(plans.plan(plans.step("a#1"), plans.step("b#1", action="data:delte")))
    assert caught.value.message == "step b#1: the action 'data:delte' is not registered"
    assert "Did you mean 'data:delete'" in caught.value.mend
    assert "extended(actions=['data:delte'])" in caught.value.mend


@pytest.mark.covers("S5-34")
def test_unknown_provider_is_refused_with_what_was_meant() -> None:
    with pytest.raises(VocabularyError) as caught:
        DEFAULT.check(plans.plan(plans.step("b#1", provider="postgresql")))
    assert caught.value.message == "step b#1: the provider 'postgresql' is not registered"
    assert "'postgres'" in caught.value.mend


def test_all_unknown_words_are_listed() -> None:
    with pytest.raises(VocabularyError) as caught:
        DEFAULT.check(plans.plan(plans.step("a#1", action="x:y", provider="q"), plans.step("b#1", provider="q")))
    assert caught.value.details["unknown"] == [
        {"step": "a#1", "field": "action", "value": "x:y"},
        {"step": "a#1", "field": "provider", "value": "q"},
        {"step": "b#1", "field": "provider", "value": "q"},
    ]


@pytest.mark.covers("S5-03", "S5-04")
def test_a_registered_word_is_known_and_the_default_stays_closed() -> None:
    mine = DEFAULT.extended(actions={"crm:merge": "merge two customers"}, providers=["acme-crm"])
    mine.check(plans.plan(plans.step("a#1", action="crm:merge", provider="acme-crm")))
    assert mine.actions["crm:merge"] == "merge two customers"
    with pytest.raises(VocabularyError):
        Vocabulary.default().check(plans.plan(plans.step("a#1", action="crm:merge")))


@pytest.mark.parametrize("word", ["*", "data:*", "delete", "Data:Read", "data:read ", "data:read\n", ""])
def test_wildcards_and_other_shapes_are_not_registered(word: str) -> None:
    with pytest.raises(VocabularyError, match="cannot be registered"):
        DEFAULT.extended(actions=[word])
    with pytest.raises(VocabularyError, match="cannot be registered"):
        DEFAULT.extended(providers=[word.replace("delete", "de lete").replace("data:read", "data:read")])


def test_one_word_may_be_given_as_text() -> None:
    assert "crm:merge" in DEFAULT.extended(actions="crm:merge").actions


def test_case_counts() -> None:
    with pytest.raises(VocabularyError):
        DEFAULT.check(plans.plan(plans.step("a#1", action="Data:Read")))


def test_an_effect_with_an_unknown_word_is_refused() -> None:
    found = Effect(action="data:zap", provider="postgres", resource="dataset://a")
    with pytest.raises(VocabularyError, match="'data:zap' is not registered"):
        Vocabulary.default().check(plans.plan(plans.step("a#1", effects=(found,))))
