"""Policies that Prefect's server keeps, as block documents: what the setting ``policy = "block:NAME"`` reads."""

from __future__ import annotations

from typing import Final

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import ConfigDict, Field, field_validator
from pydantic.networks import HttpUrl

from govflow.errors import PolicyError
from govflow.policy import PolicyDocument, load_policy
from govflow.setting_layers import BLOCK

SLUG: Final = "governance-policy"


class GovernancePolicy(Block):
    """A policy that Prefect's server keeps, editable on its page.

    Example:
        Load a saved document and see what it says:

        ```python
        from govflow.prefect.blocks import GovernancePolicy

        policy = GovernancePolicy.load("BLOCK_NAME")
        print(policy.document().digest)
        ```
    """

    model_config = ConfigDict(validate_assignment=True)  # so that nothing is saved that cannot be loaded

    _block_type_name = "Governance Policy"
    _block_type_slug = SLUG
    _documentation_url = HttpUrl("https://github.com/govflow/govflow/blob/main/docs/blocks.md")
    _description = "Rules that decide what flows may do, for govflow."

    policy: str = Field(
        title="Policy", description="Text of a policy file (YAML). It may import packs, and no other file."
    )

    @field_validator("policy")
    @classmethod
    def _can_be_loaded(cls, text: str) -> str:
        try:
            load_policy(text, SLUG)
        except PolicyError as error:
            raise ValueError(f"{error.message.rstrip('.')}. {error.mend}") from None
        return text

    def document(self) -> PolicyDocument:
        """The policy, checked as a whole."""
        return load_policy(self.policy, BLOCK + (self._block_document_name or SLUG))


def read_from_server(name: str) -> str:
    """The text of the policy that the server keeps under that name.

    Raises:
        PolicyError: there is none, or the server does not tell.
    """
    try:
        with get_client(sync_client=True) as client:
            text = client.read_block_document_by_name(name, SLUG).data.get("policy")
    except ObjectNotFound:
        raise _unread(name, f"Prefect's server has no block {SLUG}/{name}") from None
    except Exception as error:  # noqa: BLE001 - whatever it is: what is not known is not a policy
        raise _unread(name, f"Prefect's server could not be asked: {type(error).__name__}") from None
    if not isinstance(text, str):
        raise _unread(name, f"the block {SLUG}/{name} holds no text")
    return text


def _unread(name: str, problem: str) -> PolicyError:
    mend = f"GovernancePolicy(policy=...).save({name!r}) saves one; the setting policy (GOVFLOW_POLICY) names it."
    return PolicyError(f"{BLOCK}{name}: {problem}.", mend=mend, details={"file": BLOCK + name})
