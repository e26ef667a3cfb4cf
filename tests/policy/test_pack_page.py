"""docs/packs.md says what the packs say."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from govflow.ir.vocabulary import Vocabulary
from govflow.policy.analysis.lint import lint
from govflow.policy.document import load_policy
from govflow.policy.packs import pack_names
from govflow.services.describe.packs import needs, pack_document
from tests import pack_page
from tests.policy.test_packs import BANDS

TEXT = pack_page.PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_packs() -> None:
    assert pack_page.page(TEXT) == TEXT, "python -m tests.pack_page writes them"
    assert all(f"### {name}\n" in TEXT for name in pack_names())


def test_every_fact_that_a_pack_needs_is_explained_with_its_type() -> None:
    table = TEXT.partition("## What the packs need")[2].partition("## The packs")[0]
    rows = re.findall(r"^\| (`.*?`) \| (bool|int|number|string) \|", table, re.MULTILINE)
    told = {path: kind for cell, kind in rows for path in re.findall(r"`([^`]+)`", cell)}
    assert told == {path: kind for name in pack_names() for path, kind in needs(pack_document(name)).items()}


def test_the_bands_are_those_of_the_packs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) (?:to (\d+)|and up) \|", TEXT, re.MULTILINE)
    assert {name: (int(low), int(high or 2**31 - 1)) for name, low, high in rows} == {
        name: priorities for name, (priorities, _) in BANDS.items()
    }


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_every_example_loads(example: str) -> None:
    assert load_policy(example, "docs/packs.md").policy.rules


def test_the_first_policy_of_the_page_has_no_warning() -> None:
    text = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0]
    report = lint(load_policy(text, "acme.yaml"), vocabulary=Vocabulary.default(), now=datetime(2026, 6, 1, tzinfo=UTC))
    assert {finding.code for finding in report.findings} <= {"GF704", "GF711"}, report.findings
