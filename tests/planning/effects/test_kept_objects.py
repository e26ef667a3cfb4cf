"""Objects stay known on the way: through context managers, attributes, collections and annotations."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects

HEAD = """
import io, zipfile
import boto3, psycopg, xmlrpc.client
import pandas as pd
from contextlib import ExitStack, closing, nullcontext
from typing import Optional
"""
DROP = ["data:drop postgres dataset://t"]
DESTROY = "deploy:destroy aws aws://ec2/{?}"


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    "body",
    [
        "with closing(psycopg.connect()) as c:\n    c.execute('DROP TABLE t')",
        "with nullcontext(psycopg.connect()) as c:\n    c.execute('DROP TABLE t')",
        "with ExitStack() as s:\n    c = s.enter_context(psycopg.connect())\n    c.execute('DROP TABLE t')",
    ],
)
def test_a_context_manager_around_a_connection_keeps_it(body: str) -> None:
    assert effects(body, HEAD) == DROP


@pytest.mark.parametrize("given", ["x: psycopg.Connection | None, y", "x: Optional[psycopg.Connection], y"])
def test_an_optional_annotation_gives_the_class(given: str) -> None:
    assert effects("x.execute('DROP TABLE t')", HEAD, given=given) == DROP


def test_the_names_of_a_server_lead_to_its_method() -> None:
    head = HEAD + "s = xmlrpc.client.ServerProxy('https://h')\n"
    for server in ("s", "s.models", "s.a.b"):
        found = effects(f"{server}.execute_kw('d', 1, 'p', 'account.move', 'unlink', [[1]])", head)
        assert found == ["odoo:unlink odoo odoo://account.move"], server


def test_machines_of_a_collection_are_destroyed() -> None:
    for chosen in ("instances.filter(InstanceIds=[x])", "instances.all()", "instances", "Instance('i')"):
        assert DESTROY in effects(f"boto3.resource('ec2').{chosen}.terminate()", HEAD), chosen
    assert DESTROY in effects("for i in boto3.resource('ec2').instances.all():\n    i.terminate()", HEAD)


@pytest.mark.parametrize(
    "body",
    [
        "zipfile.ZipFile(io.BytesIO(), 'w')",
        "pd.ExcelWriter(io.BytesIO())",
        "b = io.BytesIO()\npd.DataFrame().to_csv(b)",
        "pd.DataFrame().to_parquet(io.BytesIO())",
    ],
)
def test_what_is_written_to_memory_is_no_file(body: str) -> None:
    assert effects(body, HEAD) == []
