"""A policy as a block: what is saved, what a page may do to it, and how runs are decided by it."""

from __future__ import annotations

import asyncio
import os
import runpy
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from govflow.errors import PolicyError, PolicyUnsigned, Refused
from govflow.policy import load_policy, starter_text
from govflow.prefect.blocks import GovernancePolicy, GovernanceStore
from govflow.prefect.policy_blocks import read_from_server
from govflow.prefect.runtime import RUNTIME
from govflow.services.read_policy import take_policy
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.prefect.conftest import POLICY, Home

SCRIPT = Path(__file__).resolve().parents[2] / "blocks" / "governance_policy.py"
BROKEN = POLICY.replace("effect: allow", "effect: alow")
DENIES = "version: 1\npolicy: {name: closed}\n"

FLOW = """
    from govflow.prefect import flow, task

    RAN = []

    @task
    def work(x: int) -> int:
        RAN.append(x)
        return x + 1

    @flow
    def small() -> int:
        return work(1)
"""


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def name() -> str:
    return f"policy-{uuid4().hex[:8]}"


class TestGovernancePolicy(BlockStandardTestSuite):
    @pytest.fixture
    def block(self) -> type[Block]:
        return GovernancePolicy

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        # Prefect's own check downloads the logo. This type has none: Prefect's pages show their own icon for it.
        assert block._logo_url is None


def save(text: str, name: str) -> UUID:
    document = GovernancePolicy(policy=text).save(name, overwrite=True)
    assert isinstance(document, UUID)
    return document


def edited_on_the_page(client: SyncPrefectClient, document: UUID, text: str) -> None:
    """What Prefect's form sends."""
    client.update_block_document(document, BlockDocumentUpdate(data={"policy": text}))


def test_what_is_saved_comes_back_letter_by_letter(name: str, client: SyncPrefectClient) -> None:
    text = f"# why\n{POLICY}  \n"
    save(text, name)
    loaded = GovernancePolicy.load(name)
    assert isinstance(loaded, GovernancePolicy)
    assert loaded.policy == text == read_from_server(name)
    assert loaded.document().digest == load_policy(POLICY, "x.yaml").digest
    assert loaded.document().where == f"block:{name}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BROKEN, "governance-policy:11: policy.rules[1].effect: not one of the words that go here. Use one of: allow"),
        ("version: 1\npolicy: {name: x}\nrules: []", "governance-policy:3: rules: unknown field 'rules'"),
        ("version: 1\nimports: [company.yaml]\npolicy: {name: x}", "governance-policy:2: imports[0]: nothing can be"),
        ("version: 1\nimports: ['pack:enterprse']\npolicy: {name: x}", "Did you mean 'enterprise'?"),
        ("", "governance-policy: the file is empty"),
    ],
)
def test_a_policy_that_cannot_be_loaded_cannot_be_saved(
    text: str, says: str, name: str, client: SyncPrefectClient
) -> None:
    """It names line, field and mend; neither a new one nor a change of one that is there reaches the server."""
    with pytest.raises(ValidationError) as caught:
        save(text, name)
    assert says in str(caught.value)
    with pytest.raises(ObjectNotFound):
        client.read_block_document_by_name(name, "governance-policy")
    block = GovernancePolicy(policy=POLICY)
    with pytest.raises(ValidationError) as caught:
        block.policy = text
    assert says in str(caught.value)


def test_packs_may_be_imported(name: str) -> None:
    save("version: 1\nimports: ['pack:tenant-isolation']\npolicy: {name: acme}", name)
    assert open_workspace(load_settings(policy=f"block:{name}")).document.policy.bands.keys() == {
        "security",
        "permissive",
    }


@pytest.mark.covers("D-13")
def test_the_form_has_one_field_of_text(name: str, client: SyncPrefectClient) -> None:
    """Text without a format is edited in a box of several lines, on both of Prefect's pages."""
    shown = client.read_block_document(save(POLICY, name))
    assert shown.block_schema is not None
    properties = shown.block_schema.fields["properties"]
    assert properties.keys() == {"policy"}
    assert (properties["policy"]["type"], properties["policy"].get("format")) == ("string", None)
    assert shown.block_schema.fields["required"] == ["policy"]


def test_runs_are_decided_by_the_policy_of_the_block(home: Home, name: str, client: SyncPrefectClient) -> None:
    document = save(POLICY, name)
    home.configure(policy=f"block:{name}")
    module = home.load(FLOW)
    assert module.small() == 2
    workspace = RUNTIME.workspace()
    assert (workspace.document.where, workspace.mode) == (f"block:{name}", "enforce")
    edited_on_the_page(client, document, DENIES)
    with pytest.raises(Refused):
        module.small()
    assert module.RAN == [1], "the next run knows"
    edited_on_the_page(client, document, BROKEN)
    with pytest.raises(PolicyError):
        module.small()
    edited_on_the_page(client, document, POLICY)
    assert module.small() == 2
    client.delete_block_document(document)
    with pytest.raises(PolicyError):
        module.small()
    assert module.RAN == [1, 1]


def test_an_async_flow_reads_it_as_well(home: Home, name: str) -> None:
    save(DENIES, name)
    home.configure(policy=f"block:{name}")
    module = home.load(FLOW.replace("def small() -> int:", "async def small() -> int:"))
    with pytest.raises(Refused):
        asyncio.run(module.small())
    assert module.RAN == []


def test_a_block_that_was_broken_on_the_page_denies_everything(
    home: Home, name: str, client: SyncPrefectClient
) -> None:
    """The page does not judge what it saves: the run does, and says where the mistake is."""
    edited_on_the_page(client, save(POLICY, name), BROKEN)
    home.configure(policy=f"block:{name}")
    module = home.load(FLOW)
    with pytest.raises(PolicyError, match=rf"block:{name}:11: policy\.rules\[1\]\.effect"):
        module.small()
    assert module.RAN == []
    with pytest.raises(RuntimeError, match="failed validation"):
        GovernancePolicy.load(name)


def test_a_block_that_is_not_there_denies_everything(home: Home, name: str) -> None:
    home.configure(policy=f"block:{name}")
    module = home.load(FLOW)
    with pytest.raises(PolicyError, match=f"has no block governance-policy/{name}"):
        module.small()
    assert module.RAN == []


@pytest.mark.parametrize("wrong", ["", "no such", "a/b", "..", "x?y=z"])
def test_no_name_leads_elsewhere(wrong: str) -> None:
    with pytest.raises(PolicyError):
        read_from_server(wrong)


def test_a_server_that_does_not_answer_is_no_policy(name: str) -> None:
    save(POLICY, name)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        with (
            temporary_settings(updates={PREFECT_API_URL: url}),
            pytest.raises(PolicyError, match="could not be asked"),
        ):
            read_from_server(name)


def test_a_reading_knows_when_the_block_is_another(name: str, client: SyncPrefectClient) -> None:
    document = save(POLICY, name)
    reading = take_policy(Path(f"block:{name}"))
    now = datetime.now(UTC)
    assert reading.still_holds(now)
    edited_on_the_page(client, document, DENIES)
    assert not reading.still_holds(now)
    client.delete_block_document(document)
    assert not reading.still_holds(now)


def test_a_block_is_no_signed_policy(home: Home, name: str) -> None:
    """Whoever may edit blocks does not get round the key."""
    save(POLICY, name)
    home.configure(policy=f"block:{name}", policy_keys=str(home.write("keys.json", '{"keys": []}')))
    with pytest.raises(PolicyUnsigned, match="is not signed"):
        open_workspace(load_settings())


def test_a_process_without_the_adapter_cannot_read_it(name: str) -> None:
    script = f"""
from pathlib import Path
from govflow.errors import PolicyError
from govflow.services.read_policy import read_policy
try:
    read_policy(Path("block:{name}"))
except PolicyError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=400)
    assert f"block:{name} is kept by the engine's server, and nothing here asks it." in done.stdout


def test_commands_read_it_too(home: Home, name: str, prefect_server: str) -> None:
    save(DENIES, name)
    home.write("flows/small.py", textwrap.dedent(FLOW))
    env = {**os.environ, "PREFECT_API_URL": prefect_server, "PREFECT_LOGGING_LEVEL": "ERROR"}
    env["GOVFLOW_POLICY"] = f"block:{name}"
    for words in (["plan", "flows", "--format", "json"], ["doctor", "--format", "json"]):
        command = [sys.executable, "-m", "govflow.cli", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, env=env, cwd=home.path)
        assert ("reject" if words[0] == "plan" else f"(block:{name})") in done.stdout, done.stderr


def test_a_setting_in_a_file_names_the_block_and_no_file_beside_it(home: Home, name: str) -> None:
    save(POLICY, name)
    home.write("pyproject.toml", f'[tool.govflow]\npolicy = "block:{name}"\n')
    settings = load_settings()
    assert str(settings.policy) == f"block:{name}"
    assert open_workspace(settings).document.policy.name == "test"


def test_a_governance_store_may_name_it(home: Home, name: str) -> None:
    save(POLICY, name)
    store = GovernanceStore(database_url=SecretStr(home.database_url), policy=f"block:{name}")
    with closing(store.workspace()) as workspace:
        assert workspace.document.where == f"block:{name}"


@pytest.mark.covers("D-13")
def test_the_file_in_blocks_saves_the_policy_of_the_settings(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert "governance-policy/governance" in capsys.readouterr().out
    assert read_from_server("governance") == starter_text()
    home.configure(policy=POLICY)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert read_from_server("governance") == POLICY
