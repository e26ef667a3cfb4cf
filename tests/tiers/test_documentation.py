"""docs/tiers.md says what is so."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from govflow.ir.models import Tier
from govflow.tiers import TierFacts, TierRules
from govflow.tiers.conditions import FIELDS, TEXT_OPERATORS
from govflow.tiers.document import read

PAGE = (Path(__file__).parents[2] / "docs" / "tiers.md").read_text("utf-8")
SHIPPED = files("govflow.tiers") / "rules.yaml"  # of the package that is installed, which may be a wheel


def test_the_example_file_loads_and_does_what_it_says() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    rules = TierRules.default().extended(TierRules.load(text, "docs/tiers.md"))
    transfer = TierFacts("bank:transfer", "http", "bank://a", "pay", "dev", attributes={"amount": 10_001})
    assert rules.judge(transfer).deciding.reason == "bank:transfer of a large amount"
    assert rules.judge(TierFacts("data:write", "s3", "s3://a", "wipe_bucket", "dev")).tier is Tier.HIGH
    assert rules.judge(TierFacts("model:invoke", "openai", "model://x", "ask", "dev")).deciding.rule == "baseline"


def test_the_table_lists_every_rule_with_its_tier() -> None:
    table = dict(re.findall(r"^\| `([a-z-]+)` \| (\d) \|", PAGE, re.MULTILINE))
    shipped = {rule.name: str(int(rule.tier)) for rule in read(SHIPPED.read_text("utf-8"), "rules.yaml").rules}
    assert table == shipped | {"baseline": "0", "every-row": "3"}


def test_every_field_and_operator_is_explained() -> None:
    for name in (*(field for field in FIELDS if "<" not in field), *TEXT_OPERATORS, "gt", "ge", "lt", "le", "exists"):
        assert f"`{name}`" in PAGE
