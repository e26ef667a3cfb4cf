"""Save the governance store that this project uses as a Prefect block document.

Run it once against your Prefect server: ``python blocks/governance_store.py``. What it saves comes from the settings of
the shell it runs in (``GOVFLOW_DATABASE_URL``, ``GOVFLOW_POLICY``, ``GOVFLOW_TENANT``, ``GOVFLOW_ENVIRONMENT``).
"""

from __future__ import annotations

from pydantic import SecretStr

from govflow.prefect.blocks import GovernanceStore
from govflow.settings import load_settings

NAME = "governance"


def document() -> GovernanceStore:
    """The block as the settings of this process describe it."""
    settings = load_settings()
    return GovernanceStore(
        database_url=SecretStr(settings.database_url),
        policy=str(settings.policy.resolve()) if settings.policy else None,
        tenant=settings.tenant,
        environment=settings.environment,
        mode=settings.effective_mode,
    )


if __name__ == "__main__":
    document().save(NAME, overwrite=True)
    print(f"Saved {GovernanceStore.get_block_type_slug()}/{NAME}.")
