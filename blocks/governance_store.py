"""Save the governance store that this project uses as a Prefect block document.

Run it once against your Prefect server: ``python blocks/governance_store.py``. What it saves comes from the settings of
the shell it runs in (``GOVFLOW_DATABASE_URL``, ``GOVFLOW_POLICY``, ``GOVFLOW_TENANT``, ``GOVFLOW_ENVIRONMENT``).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from govflow.prefect.blocks import GovernanceStore
from govflow.services.policy_blocks import block_name
from govflow.settings import load_settings

NAME = "governance"


def document() -> GovernanceStore:
    """The block as the settings of this process describe it."""
    settings = load_settings()
    return GovernanceStore(
        database_url=SecretStr(settings.database_url),
        policy=_policy(settings.policy),
        tenant=settings.tenant,
        environment=settings.environment,
        mode=settings.effective_mode,
    )


def _policy(configured: Path | None) -> str | None:
    """A file by its whole path; a block by its name."""
    if configured is None or block_name(configured) is not None:
        return str(configured) if configured else None
    return str(configured.resolve())


if __name__ == "__main__":
    document().save(NAME, overwrite=True)
    print(f"Saved {GovernanceStore.get_block_type_slug()}/{NAME}.")
