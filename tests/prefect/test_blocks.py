"""The Block type of govflow: Prefect's own suite for block types, and a life with a real server."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from pydantic import SecretStr

from govflow.errors import PolicyError, StoreError
from govflow.policy import starter
from govflow.prefect.blocks import GovernanceStore
from tests.prefect.conftest import POLICY, Home

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "blocks" / "governance_store.py"
PASSWORD = "correct-horse-battery"


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def name() -> str:
    return f"governance-{uuid4().hex[:8]}"


class TestGovernanceStore(BlockStandardTestSuite):
    @pytest.fixture
    def block(self) -> type[Block]:
        return GovernanceStore

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        # Prefect's own check downloads the logo. This type has none: Prefect's pages show their own icon for it.
        assert block._logo_url is None


def _save(block: GovernanceStore, name: str) -> UUID:
    document = block.save(name)
    assert isinstance(document, UUID)
    return document


def _load(name: str) -> GovernanceStore:
    loaded = GovernanceStore.load(name)
    assert isinstance(loaded, GovernanceStore)
    return loaded


def _python(prefect_server: str, *arguments: str) -> str:
    """What another process prints that knows the server and nothing else."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GOVFLOW_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**env, "PREFECT_API_URL": prefect_server, "PREFECT_LOGGING_LEVEL": "ERROR", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.covers("D-13")
def test_prefect_registers_the_type_from_the_module(prefect_server: str, client: SyncPrefectClient) -> None:
    said = _python(prefect_server, "-m", "prefect", "block", "register", "-m", "govflow.prefect.blocks")
    assert "Successfully registered 2 blocks" in said
    registered = client.read_block_type_by_slug("governance-store")
    assert registered.name == "Governance Store"
    assert str(registered.documentation_url).endswith("/docs/blocks.md")
    assert registered.description
    assert registered.code_example and 'GovernanceStore.load("BLOCK_NAME")' in registered.code_example


@pytest.mark.covers("D-13")
def test_a_process_that_never_imported_govflow_finds_the_type_by_its_entry_point(
    prefect_server: str, home: Home, name: str
) -> None:
    (found,) = entry_points(group="prefect.collections", name="govflow")
    assert found.value == "govflow.prefect.blocks"
    _save(GovernanceStore(database_url=SecretStr(home.database_url), tenant="acme"), name)
    script = (
        f"from prefect.blocks.core import Block; b = Block.load('governance-store/{name}'); print(type(b), b.tenant)"
    )
    assert "GovernanceStore" in (said := _python(prefect_server, "-c", script))
    assert said.strip().endswith("acme")


@pytest.mark.covers("D-13")
def test_the_file_in_blocks_saves_what_the_settings_say(
    home: Home, client: SyncPrefectClient, capsys: pytest.CaptureFixture[str]
) -> None:
    home.configure(policy=POLICY, tenant="acme", environment="staging")
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "governance-store/governance" in capsys.readouterr().out
    loaded = _load("governance")
    assert loaded.database_url.get_secret_value() == home.database_url
    assert (loaded.policy, loaded.tenant) == (str(home.path / "policy.yaml"), "acme")
    assert (loaded.environment, loaded.mode) == ("staging", "enforce")
    home.configure(tenant="other")
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert _load("governance").tenant == "other", "saved again, over the old one"


def test_the_database_url_is_a_secret_wherever_the_server_shows_it(client: SyncPrefectClient, name: str) -> None:
    block = GovernanceStore(database_url=SecretStr(f"postgresql://govflow:{PASSWORD}@db.example/govflow"))
    _save(block, name)
    assert PASSWORD not in repr(block) + str(block) + block.model_dump_json()
    shown = client.read_block_document_by_name(name, "governance-store", include_secrets=False)
    assert PASSWORD not in shown.model_dump_json()
    assert set(shown.data["database_url"]) == {"*"}
    assert PASSWORD in _load(name).database_url.get_secret_value()


@pytest.mark.covers("D-13")
def test_a_saved_document_can_be_edited_without_knowing_its_secret(
    home: Home, client: SyncPrefectClient, name: str
) -> None:
    document = _save(GovernanceStore(database_url=SecretStr(home.database_url)), name)
    shown = client.read_block_document(document, include_secrets=False)
    schema = shown.block_schema
    assert schema is not None
    assert schema.fields["secret_fields"] == ["database_url"]
    assert set(schema.fields["properties"]) == {"database_url", "policy", "tenant", "environment", "mode"}
    # What a form sends back: every field as it was shown, the secret masked, one field changed.
    client.update_block_document(document, BlockDocumentUpdate(data={**shown.data, "tenant": "acme"}))
    loaded = _load(name)
    assert loaded.tenant == "acme"
    assert loaded.database_url.get_secret_value() == home.database_url


def test_a_document_opens_a_working_store(home: Home) -> None:
    policy = home.write("elsewhere/rules.yaml", POLICY)
    block = GovernanceStore(
        database_url=SecretStr(f"sqlite:///{home.path / 'other.db'}"), policy=str(policy), tenant="acme"
    )
    workspace = block.workspace()
    try:
        assert workspace.mode == "enforce"
        assert workspace.settings.tenant == "acme"
        assert workspace.document.where == str(policy)
        assert workspace.store.tenants() == []
    finally:
        workspace.close()
    assert (home.path / "other.db").is_file()


def test_a_document_without_a_policy_means_the_starter_policy_not_that_of_the_process(home: Home) -> None:
    home.configure(policy=POLICY)
    workspace = GovernanceStore(database_url=SecretStr(home.database_url)).workspace()
    assert not workspace.explicit
    assert workspace.document.where != str(home.path / "policy.yaml")
    assert workspace.document.digest == starter().digest


def test_a_document_that_names_nothing_usable_says_what_is_wrong(home: Home) -> None:
    missing = GovernanceStore(database_url=SecretStr(home.database_url), policy=str(home.path / "none.yaml"))
    with pytest.raises(PolicyError, match=r"none\.yaml"):
        missing.workspace()
    unreachable = GovernanceStore(database_url=SecretStr("postgresql://govflow:secret@db.example/govflow")).workspace()
    with pytest.raises(StoreError) as caught:
        _ = unreachable.store
    assert "secret" not in str(caught.value)
