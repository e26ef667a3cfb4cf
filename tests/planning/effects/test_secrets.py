"""No secret of the source comes through in effects, findings or unseen calls."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects, task_doing

HEAD = "import os, psycopg, requests, subprocess, acme\nimport pandas as pd\n"
CANARY = "canary7f3Tr4xQ9zLm2"  # short enough: nothing in it alone looks like a token


@pytest.mark.parametrize(
    "body",
    [
        f"requests.get('https://u:{CANARY}@h/a')",
        f"requests.get('https://h/a?token={CANARY}#x')",
        f"requests.post('https://hooks.slack.com/services/T0/B0/{CANARY}')",
        f"requests.get('https://api.telegram.org/bot{CANARY}/getMe')",
        f"requests.post('https://discord.com/api/webhooks/1/{CANARY}')",
        f"requests.post('https://h/hooks/{CANARY}2ab')",
        f"requests.post('https://acme.webhook.office.com/webhookb2/a@b/IncomingWebhook/{CANARY}/c')",
        f"requests.post('https://h/webhookb2/a@b/IncomingWebhook/{CANARY}/c')",
        f"requests.get('https://h/x;token={CANARY}')",
        f"requests.get('https://h/v1/token/{CANARY}')",
        f"requests.get('https://h/api_key={CANARY}/')",
        f"requests.get('https://h/webhooks/{CANARY}')",
        f"pd.read_csv('s3://b/secret/{CANARY}')",
        f"requests.get('https://h/a', headers={{'x': '{CANARY}'}})",
        f"psycopg.connect('postgresql://u:{CANARY}@h/d').execute(\"DELETE FROM t WHERE k = '{CANARY}'\")",
        f"psycopg.connect(password='{CANARY}').execute(\"CALL p('{CANARY}')\")",
        f'psycopg.connect().execute("{CANARY} is no SQL")',
        f"psycopg.connect().execute(\"DELETE FROM t WHERE ((k = '{CANARY}'\")",
        f"pd.DataFrame().to_sql('t', 'postgresql://u:{CANARY}@h/d')",
        f"pd.read_csv('s3://u:{CANARY}@b/x')",
        f"subprocess.run(['thing', '--password', '{CANARY}'])",
        f"os.system('thing --password {CANARY}')",
        f"os.system('curl -H x:{CANARY} https://u:{CANARY}@h/a?t={CANARY}')",
        f"os.system('PGPASSWORD={CANARY} psql -c \"DELETE FROM t\"')",
        f"acme.push('{CANARY}')",
    ],
)
def test_canary_stays_where_it_is(body: str) -> None:
    plan = task_doing(body, head=HEAD)
    step = plan.step("main/work#1")
    shown = repr((step.effects, step.unseen, step.action, step.resource, plan.findings))
    assert CANARY not in shown
    assert step.effects or step.unseen


@pytest.mark.parametrize(
    ("address", "resource"),
    [
        ("https://h/api/v2/orders/customer_addresses", "https://h/api/v2/orders/customer_addresses"),
        ("https://h/x/123e4567-e89b-12d3-a456-426614174000", "https://h/x/123e4567-e89b-12d3-a456-426614174000"),
        ("https://h/v1/keys/42/tokenise", "https://h/v1/keys/42/tokenise"),
        ("https://h/day=2024-01-01/part", "https://h/day=2024-01-01/part"),
        ("https://h/v1/token/hunter2/x", "https://h/v1/token/{?}/x"),
        ("https://h/x;v=1/y", "https://h/x/y"),
        ("https://h/x/a1b2c3d4e5f6a7b8c9d0", "https://h/x/{?}"),
    ],
)
def test_only_what_looks_like_a_token_is_left_out(address: str, resource: str) -> None:
    assert effects(f"requests.get('{address}')", HEAD) == [f"http:get http {resource}"]
