"""Save the policy that this project uses as a Prefect block document.

Run it once against your Prefect server: ``python blocks/governance_policy.py``. It saves the file that the settings of
the shell name (``GOVFLOW_POLICY``), else the starter policy. Flows are governed by it where
``GOVFLOW_POLICY=block:governance`` is set.
"""

from __future__ import annotations

from govflow.policy import starter_text
from govflow.prefect.blocks import GovernancePolicy
from govflow.settings import load_settings

NAME = "governance"


def document() -> GovernancePolicy:
    """The block as the settings of this process describe it."""
    file = load_settings().policy
    return GovernancePolicy(policy=starter_text() if file is None else file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    document().save(NAME, overwrite=True)
    print(f"Saved {GovernancePolicy.get_block_type_slug()}/{NAME}.")
