"""Block types: where the governance store and the policy live, editable in Prefect's UI."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from prefect.blocks.core import Block
from pydantic import Field, SecretStr
from pydantic.networks import HttpUrl

from govflow.prefect.policy_blocks import GovernancePolicy
from govflow.services.workspace import Workspace, open_workspace
from govflow.settings import load_settings

__all__ = ["GovernancePolicy", "GovernanceStore"]


class GovernanceStore(Block):
    """Where a team keeps its approvals, its audit log and its policy.

    Example:
        Load a saved document and open what it names:

        ```python
        from contextlib import closing

        from govflow.prefect.blocks import GovernanceStore

        governance = GovernanceStore.load("BLOCK_NAME")
        with closing(governance.workspace()) as workspace:
            workspace.store.flush()
        ```
    """

    _block_type_name = "Governance Store"
    _block_type_slug = "governance-store"
    _documentation_url = HttpUrl("https://github.com/govflow/govflow/blob/main/docs/blocks.md")
    _description = "Where approvals, the audit log and the policy of govflow live."

    database_url: SecretStr = Field(
        title="Database URL",
        description="URL of the governance database, such as sqlite:////var/lib/govflow/govflow.db.",
    )
    policy: str | None = Field(
        default=None,
        title="Policy file",
        description="Path of the policy file on the machine that runs the flow, or block:NAME for a Governance Policy; "
        "the starter policy when it is empty.",
    )
    tenant: str = Field(default="default", description="Tenant whose approvals and log are meant.")
    environment: str = Field(default="development", description="Environment that policy and tiers see.")
    mode: Literal["observe", "enforce"] = Field(
        default="enforce", description="Whether a refusal stops the body or is only recorded."
    )

    def workspace(self) -> Workspace:
        """Open the store and the policy that this document names. Close it after use.

        Raises:
            GovflowError: the policy or the database cannot be used.
        """
        settings = load_settings(
            database_url=self.database_url.get_secret_value(),
            tenant=self.tenant,
            environment=self.environment,
            mode=self.mode,
        )
        # Not an argument of load_settings: there, None means "whatever this process has", here it means none.
        policy = Path(self.policy).expanduser() if self.policy else None
        return open_workspace(settings.model_copy(update={"policy": policy, "policy_layers": {}}))
