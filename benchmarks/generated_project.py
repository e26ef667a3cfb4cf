"""A repository of flows as teams have them: shared helpers, SQL, HTTP, files and messages, retries, hooks, subflows.

Nothing in it is imported by a benchmark, so the libraries that it names need not be there.
"""

from __future__ import annotations

from pathlib import Path

_DATABASE = '''"""Access to the warehouse."""

import psycopg

from lib.settings import DSN


def connect():
    return psycopg.connect(DSN)


def fetch(table, day):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE day = %s", (day,))
        return cursor.fetchall()


def replace_rows(table, rows, day):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE day = %s", (day,))
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s)", rows)


def run_file(name):
    with connect() as connection:
        connection.execute((SQL / name).read_text())
'''
_SERVICES = '''"""Other people's services."""

import boto3
import requests

from lib.settings import BASE, BUCKET


def get_json(path, **params):
    answer = requests.get(f"{BASE}/{path}", params=params, timeout=30)
    answer.raise_for_status()
    return answer.json()


def notify(channel, text):
    requests.post("https://hooks.slack.com/services/x", json={"channel": channel, "text": text}, timeout=10)


def upload(key, body):
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def forget(key):
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
'''
_SETTINGS = """BASE = "https://api.example.com/v2"
BUCKET = "example-exports"
DSN = "postgresql://warehouse"
"""
_HOOKS = '''"""Hooks."""

from lib.services import notify


def on_failure(flow, run, state):
    notify("#alerts", f"{flow.name} failed")
'''
_FLOW = '''"""Nightly load of {name}."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
from prefect import flow, get_run_logger, task, unmapped
from prefect.tasks import task_input_hash

from lib.database import fetch, replace_rows
from lib.hooks import on_failure
from lib.services import forget, get_json, notify, upload

TABLE = "{name}"
COLUMNS = ["id", "amount", "currency", "day"]


@task(retries=3, retry_delay_seconds=10, cache_key_fn=task_input_hash, cache_expiration=timedelta(hours=1))
def extract_{n}(day: str) -> list:
    """Rows of one day."""
    logger = get_run_logger()
    rows = fetch("raw.{name}", day)
    logger.info("read %s rows", len(rows))
    return rows


@task(retries=2)
def rates_{n}(currency: str) -> dict:
    return get_json("rates", currency=currency)


@task
def clean_{n}(rows: list) -> list:
    kept = []
    for row in rows:
        if row[1] is None:
            continue
        elif row[1] < 0:
            kept.append((row[0], -row[1]))
        else:
            kept.append((row[0], row[1]))
    return sorted(kept)


@task
def enrich_{n}(row: tuple, rate: dict) -> tuple:
    amount = row[1] * rate.get("value", 1.0)
    return (row[0], round(amount, 2))


@task(retries=1)
def load_{n}(rows: list, day: str) -> int:
    replace_rows("mart.{name}", rows, day)
    return len(rows)


@task
def export_{n}(rows: list, day: str) -> str:
    frame = pd.DataFrame(rows, columns=["id", "amount"])
    local = Path("/tmp") / f"{name}-{{day}}.parquet"
    frame.to_parquet(local)
    key = f"{name}/{{day}}.parquet"
    upload(key, local.read_bytes())
    return key


@task
def tidy_{n}(day: str) -> None:
    forget(f"{name}/{{day}}.tmp")
    Path(f"/tmp/{name}-{{day}}.parquet").unlink(missing_ok=True)


@task
def report_{n}(count: int, key: str) -> None:
    notify("#data", json.dumps({{"table": TABLE, "rows": count, "key": key}}))


@flow(name="{name}", retries=1, on_failure=[on_failure])
def {name}(day: str = "2026-01-01", currencies: tuple = ("EUR", "USD"), dry: bool = False) -> int:
    raw = extract_{n}.submit(day)
    rates = [rates_{n}.submit(currency) for currency in currencies]
    rows = clean_{n}(raw)
    rich = enrich_{n}.map(rows, unmapped(rates[0]))
    if dry:
        return 0
    count = load_{n}(rich, day)
    key = export_{n}.submit(rich, day, wait_for=[count])
    try:
        tidy_{n}(day, wait_for=[key])
    except OSError:
        notify("#data", "tidy failed")
    report_{n}(count, key)
    {after}
    return count


if __name__ == "__main__":
    {name}()
'''


def project(folder: Path, files: int) -> None:
    """Write the repository. Each fifth flow runs the one before as a subflow."""
    contents = {
        "lib/__init__.py": "",
        "lib/settings.py": _SETTINGS,
        "lib/database.py": _DATABASE,
        "lib/services.py": _SERVICES,
        "lib/hooks.py": _HOOKS,
        "pyproject.toml": "",
    }
    for n in range(files):
        after = f"table_{n - 1}(day)" if n % 5 == 4 else "get_run_logger().info(key)"
        text = _FLOW.format(n=n, name=f"table_{n}", after=after)
        if n % 5 == 4:
            imported = f"from flows.group_{(n - 1) // 10}.table_{n - 1} import table_{n - 1}\n"
            text = text.replace("from lib.database", f"{imported}from lib.database", 1)
        contents[f"flows/group_{n // 10}/table_{n}.py"] = text
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


_LINK = """import os

from prefect import flow, task

from m{next} import remove as remove_next


def remove(path):
    os.remove(path)


@task
def tidy_{n}(path):
    remove_next(path)


@flow
def flow_{n}(path="x"):
    tidy_{n}(path)
"""


def ring(folder: Path, files: int) -> None:
    """Write a repository in which each file imports the next, and the last the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(files):
        (folder / f"m{n}.py").write_text(_LINK.format(n=n, next=(n + 1) % files))
