"""The catalogue that ships is whole: each family reads alone, each entry is registered, sourced and unambiguous."""

from __future__ import annotations

from collections import defaultdict

import pytest

from govflow.ir.actions import ACTIONS, PROVIDERS
from govflow.planning.effects.catalogue import Catalogue
from govflow.planning.effects.catalogue.entries import Document
from govflow.planning.effects.catalogue.index import root_of
from govflow.planning.effects.catalogue.shipped import roots_of_families
from govflow.planning.effects.catalogue.templates import names_in
from tests.planning.effects.families import INDEX, PAGE, families, index_text, page_text, page_with

FAMILIES = families()


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Document:
    return FAMILIES[request.param]


def test_the_index_is_what_the_families_hold() -> None:
    assert INDEX.read_text("utf-8") == index_text(), "run `python -m tests.planning.effects.families`"
    assert set(roots_of_families()) == set(FAMILIES)


def test_the_page_lists_the_families() -> None:
    assert page_with(page_text()) == PAGE.read_text("utf-8"), "run `python -m tests.planning.effects.families`"


def test_a_family_says_what_it_is_about(family: Document) -> None:
    assert family.about.endswith(".")
    assert FAMILIES[family.family] is family


def test_actions_and_providers_are_registered(family: Document) -> None:
    for call in family.calls:
        assert {call.action, *call.actions.values()} <= {*ACTIONS, "", "none"}, call.place
        assert call.provider in (*PROVIDERS, ""), call.place
    for made in family.objects:
        assert made.provider in (*PROVIDERS, ""), made.place


def test_every_entry_has_a_source(family: Document) -> None:
    sourced = [(call.place, call.source) for call in family.calls]
    sourced += [(made.place, made.source) for made in family.objects]
    sourced += list(family.harmless.items())
    for place, source in sourced:
        assert len(source) > 5 and not source.endswith(".yaml"), place


def test_templates_name_arguments_of_the_call_or_of_what_made_its_object(family: Document) -> None:
    made: defaultdict[str, set[str]] = defaultdict(set)
    parents: defaultdict[str, set[str]] = defaultdict(set)
    for document in FAMILIES.values():
        for kind in document.objects:
            name = kind.name.partition("(")[0]
            made[name] |= {*kind.arguments, *kind.keywords}
            parents[name] |= {root_of(maker) for maker in kind.made_by}
    # An object also knows what the one that made it knows.
    for _ in range(5):
        for name, above in parents.items():
            made[name] |= {argument for parent in above for argument in made[parent]}
    for call in family.calls:
        for name in call.names:
            known = {*call.arguments, *call.keywords, *made[root_of(name)]}
            assert names_in(call.resource) <= known, f"{call.place}: {name}"


def test_no_two_entries_speak_of_the_same_name() -> None:
    calls: defaultdict[str, list[str]] = defaultdict(list)
    for document in FAMILIES.values():
        for call in document.calls:
            for name in call.names:
                calls[name].append(call.place)
        for name in document.harmless:
            calls[name].append(f"{document.family}: harmless")
    assert {name: places for name, places in calls.items() if len(places) > 1} == {}


def test_no_two_kinds_of_object_are_made_by_the_same_name() -> None:
    makers: defaultdict[str, list[str]] = defaultdict(list)
    for document in FAMILIES.values():
        for made in document.objects:
            for name in (*made.made_by, *(f"annotation {name}" for name in made.types)):
                makers[name].append(made.place)
    assert {name: places for name, places in makers.items() if len(places) > 1} == {}


def test_methods_are_of_objects_that_something_makes() -> None:
    made = {kind.name.partition("(")[0] for document in FAMILIES.values() for kind in document.objects}
    for document in FAMILIES.values():
        for call in document.calls:
            for name in call.names:
                root = root_of(name)
                assert "-" not in root or root in made, f"{call.place}: nothing makes {root}"


def test_a_blanket_word_never_covers_an_effect() -> None:
    """A module that is called harmless has no function that the catalogue says does something."""
    catalogue = Catalogue.default()
    for document in FAMILIES.values():
        for call in document.calls:
            for name in call.names:
                if not call.effect_none and "*" not in name and "-" not in name.partition(".")[0]:
                    assert not catalogue.is_harmless(name), f"{call.place}: {name}"
