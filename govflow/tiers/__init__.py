"""Risk tiers 0 to 3: rules as data, judged without a clock, a network or a model."""

from govflow.tiers.facts import TierFacts, TierFinding, TierVerdict
from govflow.tiers.rules import TierRules

__all__ = ["TierFacts", "TierFinding", "TierRules", "TierVerdict"]
