"""Effects of tasks, flows, hooks and modules: whose they are, and what is known of arguments and objects."""

from __future__ import annotations

import pytest

from govflow.ir.models import StepKind
from tests.planning.effects.doing import codes, effects, plan_of, task_doing, told, work

DB = "import psycopg, sqlite3\nfrom sqlalchemy import create_engine, text\n"
DELETE = "data:delete postgres dataset://t !"


# objects


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    "body",
    [
        "psycopg.connect(x).execute('DELETE FROM t')",
        "c = psycopg.connect(x)\nc.cursor().execute('DELETE FROM t')",
        "with psycopg.connect(x) as c, c.cursor() as cur:\n    cur.execute('DELETE FROM t')",
        "c = psycopg.connect(x) if x else psycopg.connect(y)\nc.execute('DELETE FROM t')",
        "cs = [psycopg.connect(x)]\nfor c in cs:\n    c.execute('DELETE FROM t')",
        "d = {'a': psycopg.connect(x)}\nd['a'].execute('DELETE FROM t')",
        "(c := psycopg.connect(x)).execute('DELETE FROM t')",
        "run = psycopg.connect(x).execute\nrun('DELETE FROM t')",
        "e = create_engine('postgresql+psycopg://h/d')\nwith e.begin() as c:\n    c.execute(text('DELETE FROM t'))",
        "c: psycopg.Connection = x\nc.execute('DELETE FROM t')",
        "try:\n    c = psycopg.connect(x)\nfinally:\n    c.execute('DELETE FROM t')",
        "getattr(psycopg.connect(x), 'execute')('DELETE FROM t')",
    ],
)
def test_object_keeps_what_it_is_through(body: str) -> None:
    assert effects(body, DB) == [DELETE]


@pytest.mark.parametrize(
    "given",
    [
        "x: psycopg.Connection, y",
        "x: 'psycopg.Connection', y",
        "x: psycopg.Connection | None, y",
        "x: Optional[psycopg.Connection], y",
        "x: Annotated[psycopg.Connection, 1], y",
    ],
)
def test_annotation_says_what_a_parameter_is(given: str) -> None:
    head = DB + "from typing import Annotated, Optional\n"
    assert effects("x.execute('DELETE FROM t')", head, given=given) == [DELETE]


def test_object_is_known_as_an_attribute_of_an_object_of_the_repository() -> None:
    head = DB + (
        "class Store:\n    def __init__(self, at):\n        self.db = psycopg.connect(at)\n"
        "    def clear(self, name):\n        self.db.execute(f'DELETE FROM {name}')\n"
    )
    assert effects("Store(x).clear('t')", head) == [DELETE]
    assert effects("x.clear('t')", head, given="x: Store, y") == [DELETE]


def test_class_of_the_repository_has_the_methods_of_its_base() -> None:
    head = "import requests\nclass Client(requests.Session):\n    pass\n"
    assert effects("Client().delete('https://h/a')", head) == ["http:delete http https://h/a"]


# text


@pytest.mark.parametrize(
    "body",
    [
        "q = 'DELETE '\nq += 'FROM t'\nc.execute(q)",
        "c.execute('DELETE FROM %s' % 't')",
        "c.execute('DELETE FROM %(n)s' % {'n': 't'})",
        "c.execute('DELETE FROM {}'.format('t'))",
        "c.execute('DELETE FROM {n}'.format(n='t'))",
        "c.execute(' '.join(['DELETE', 'FROM', 't']))",
        "c.execute(SQL)",
        "c.execute(f'{HEAD} t')",
        "c.execute(textwrap.dedent('''\n    DELETE FROM t\n    '''))",
        "c.execute('DELETE FROM TABLE_NAME'.replace('TABLE_NAME', 't'))",
        "c.execute('delete from t'.upper())",
        "c.execute(sql.SQL('DELETE FROM {}').format(sql.Identifier('t')))",
        "c.execute(QUERIES['clear'])",
        "c.execute(Queries.CLEAR)",
        "c.execute(make('t'))",
        "for name in ('t',):\n    c.execute(f'DELETE FROM {name}')",
        "c.execute((Path(__file__).parent / 'q.sql').read_text())",
        "c.execute(Path(__file__).with_name('q.sql').read_text())",
        "c.execute(open('q.sql').read())",
        "with open('q.sql') as f:\n    c.execute(f.read())",
        "c.execute(read('q.sql'))",
    ],
)
def test_text_is_followed_through(body: str) -> None:
    head = DB + (
        "import textwrap\nfrom pathlib import Path\nfrom psycopg import sql\n"
        "SQL = 'DELETE FROM t'\nHEAD = 'DELETE FROM'\nQUERIES = {'clear': SQL}\n"
        "class Queries:\n    CLEAR = 'DELETE FROM t'\n"
        "def make(name):\n    return f'DELETE FROM {name}'\n"
        "def read(name):\n    return (Path(__file__).parent / name).read_text()\n"
    )
    files = {"flows/q.sql": "-- all of it\nDELETE FROM t\n"}
    found = effects("c = psycopg.connect(x)\n" + body, head, files=files)
    assert [item for item in found if not item.startswith("file:read")] == [DELETE]


def test_each_text_that_a_name_may_be_is_read() -> None:
    body = "q = 'DROP TABLE a' if x else 'DROP TABLE b'\npsycopg.connect(x).execute(q)"
    assert effects(body, DB) == ["data:drop postgres dataset://a", "data:drop postgres dataset://b"]


def test_texts_of_many_choices_stay_few() -> None:
    lines = [f"q{n} = 'a' if x else 'b' if y else 'c'" for n in range(12)]
    body = "\n".join([*lines, "os.remove(f'{" + "}{".join(f"q{n}" for n in range(12)) + "}')"])
    found = effects(body, "import os\n")
    assert 1 <= len(found) <= 16
    assert all(item.startswith("file:delete filesystem file://") for item in found)


def test_text_joined_to_one_of_several_is_each_of_them() -> None:
    body = "q = 'a' if x else 'b'\nos.remove('/data/' + q)"
    assert effects(body, "import os\n") == [
        "file:delete filesystem file:///data/a",
        "file:delete filesystem file:///data/b",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "logging.getLogger(__name__).info('DELETE FROM t')",
        "get_run_logger().info('DELETE FROM t where x')",
        "print('DROP TABLE t')",
        "q = 'DROP TABLE t'\nreturn q",
        "raise ValueError('DELETE FROM t')",
        "'''DELETE FROM t'''",
        "x.append('DROP TABLE t')",
    ],
)
def test_text_that_only_looks_like_sql_does_nothing(body: str) -> None:
    assert effects(body, "import logging\nfrom prefect import get_run_logger\n") == []


def test_table_of_a_mapped_class_is_named() -> None:
    head = (
        "import sqlalchemy as sa\nfrom sqlalchemy.orm import Session\n"
        "class Order:\n    __tablename__ = 'orders'\n    id = 1\nitems = sa.Table('items', sa.MetaData())\n"
    )
    body = "with Session(x) as s:\n    s.execute(sa.delete(Order).where(Order.id == 1))\n    s.execute(items.delete())"
    assert effects(body, head)[:2] == ["data:delete sql dataset://orders", "data:delete sql dataset://items !"]


def test_sql_that_nobody_knows_may_write_unless_the_call_only_reads() -> None:
    assert effects("psycopg.connect('h').execute(x)", DB) == ["data:write postgres dataset://{?}"]
    assert effects("psycopg.connect('h').execute(x)", DB, given="x: str, y") == ["data:write postgres dataset://{?}"]
    assert effects("pd.read_sql(x, create_engine('sqlite://'))", DB + "import pandas as pd\n") == [
        "data:query sqlite dataset://{?}"
    ]


@pytest.mark.parametrize(
    ("body", "expected", "unseen"),
    [
        ("x.execute('DELETE FROM t')", ["data:delete sql dataset://t !"], ()),
        ("x.execute('make coffee')", [], (".execute of x",)),
        ("x.execute(y)", [], (".execute of x",)),
        ("x.execute(f'{y}')", [], (".execute of x",)),
    ],
)
def test_unknown_object_that_executes_is_believed_only_with_sql(
    body: str, expected: list[str], unseen: tuple[str, ...]
) -> None:
    step = work(task_doing(body))
    assert (told(step), step.unseen) == (expected, unseen)


# whose effects


def test_helper_is_read_with_what_it_is_given_at_each_call() -> None:
    plan = plan_of("""
        import psycopg
        from prefect import flow, task

        def run(q):
            psycopg.connect('x').execute(q)

        @task
        def one():
            run('DROP TABLE a')

        @task
        def two():
            run('SELECT * FROM b')
            run('INSERT INTO c VALUES (1)')

        @flow
        def main():
            one()
            two()
            one()
    """)
    assert told(plan.step("main/one#1")) == ["data:drop postgres dataset://a"]
    assert told(plan.step("main/one#2")) == ["data:drop postgres dataset://a"]
    assert told(plan.step("main/two#1")) == ["data:append postgres dataset://c", "data:read postgres dataset://b"]


def test_step_is_read_with_what_the_flow_gives_it() -> None:
    plan = task_doing("psycopg.connect('x').execute(f'DROP TABLE {x}')", head=DB, call="work('a', 1); work('b', 2)")
    assert told(plan.step("main/work#1")) == ["data:drop postgres dataset://a"]
    assert told(plan.step("main/work#2")) == ["data:drop postgres dataset://b"]


def test_mapped_task_is_read_with_each_element() -> None:
    plan = task_doing("os.remove(f'/data/{x}')", head="import os\n", call="work.map(['a', 'b'], 1)")
    assert told(work(plan)) == ["file:delete filesystem file:///data/a", "file:delete filesystem file:///data/b"]


def test_flow_body_hooks_and_tasks_keep_their_own_effects() -> None:
    plan = plan_of("""
        import os, requests
        from prefect import flow, task

        def tell(task, run, state):
            requests.post('https://h/tell')

        def clear(flow, run, state):
            os.remove('lock')

        @task(on_failure=[tell])
        def work():
            open('a', 'w')

        @flow(on_completion=[clear, os.remove])
        def main():
            os.mkdir('d')
            work()
    """)
    assert told(plan.step("main")) == ["file:write filesystem file://d"]
    assert told(plan.step("main/work#1")) == ["file:write filesystem file://a"]
    hooks = [(step.callee, told(step)) for step in plan.steps if step.kind is StepKind.HOOK]
    assert hooks[0] == ("clear", ["file:delete filesystem file://lock"])
    assert hooks[1][1] == ["file:delete filesystem file://{?}"]
    assert hooks[2] == ("tell", ["http:post http https://h/tell"])


def test_inner_task_and_subflow_keep_their_effects_to_themselves() -> None:
    plan = plan_of("""
        import os
        from prefect import flow, task

        @task
        def inner():
            os.remove('a')

        @task
        def outer():
            inner()

        @flow
        def sub():
            os.remove('b')

        @flow
        def main():
            outer()
            sub()
    """)
    assert told(plan.step("main/outer#1")) == []
    assert told(plan.step("main/outer#1/inner#1")) == ["file:delete filesystem file://a"]
    assert told(plan.step("main/sub#1")) == []
    assert plan.step("main/sub#1").action == "flow:execute"


def test_task_that_calls_itself_does_the_same_inside() -> None:
    plan = plan_of("""
        import os
        from prefect import flow, task

        @task
        def work(n):
            if n:
                work(n - 1)
            os.remove('a')

        @flow
        def main():
            work(3)
    """)
    assert [told(step) for step in plan.steps[1:]] == [["file:delete filesystem file://a"]] * 2


def test_task_made_of_outside_code_does_what_that_code_does() -> None:
    plan = plan_of("""
        import os
        from functools import partial
        from prefect import flow, task

        remove = task(os.remove)

        @flow
        def main():
            remove('a')
    """)
    assert told(plan.steps[1]) == ["file:delete filesystem file://a"]


def test_function_called_past_its_task_is_charged_to_that_step() -> None:
    plan = task_doing("os.remove('a')", head="import os\n", call="work.fn(1, 2)")
    past = next(step for step in plan.steps if step.kind is StepKind.UNRESOLVED)
    assert told(past) == ["file:delete filesystem file://a"]
    assert told(plan.step("main")) == []


def test_lambda_given_away_is_read() -> None:
    found = effects("list(pool.map(lambda name: os.remove(name), x))", "import os, pool\n")
    assert found == ["file:delete filesystem file://{?}"]


@pytest.mark.parametrize(
    "body",
    [
        "asyncio.to_thread(os.remove, 'a')",
        "pool.submit(os.remove, 'a')",
        "list(pool.map(os.remove, ['a']))",
        "loop.run_in_executor(None, os.remove, 'a')",
        "threading.Thread(target=os.remove, args=('a',)).start()",
        "pool.submit(partial(os.remove, 'a'))",
        "list(map(os.remove, ['a']))",
        "partial(os.remove, 'a')()",
        "{'x': os.remove}[x]('a')",
        "pool.submit(Path('a').unlink)",
    ],
)
def test_outside_function_that_is_handed_over_is_read(body: str) -> None:
    head = "import asyncio, os, threading\nfrom functools import partial\nfrom pathlib import Path\n"
    head += "from acme import loop, pool\n"
    assert effects(body, head) == ["file:delete filesystem file://a"]


def test_class_that_is_handed_over_does_nothing() -> None:
    assert (
        effects("isinstance(x, requests.Session)\nacme.check(x, requests.HTTPError)", "import acme, requests\n") == []
    )


def test_field_of_a_class_of_the_repository_is_what_its_annotation_says() -> None:
    head = DB + (
        "from pydantic import BaseModel\nclass Store(BaseModel):\n    db: psycopg.Connection\n"
        "    def clear(self):\n        self.db.execute('DELETE FROM t')\n"
    )
    assert effects("x.clear()", head, given="x: Store, y") == [DELETE]


def test_async_tasks_are_read() -> None:
    plan = plan_of("""
        import httpx
        from prefect import flow, task

        @task
        async def work(x):
            async with httpx.AsyncClient() as client:
                r = await client.post('https://h/a')
                return r.json()

        @flow
        async def main():
            await work(1)
    """)
    assert told(plan.step("main/work#1")) == ["http:post http https://h/a"]


# what counts


def test_strongest_effect_is_the_steps_action() -> None:
    step = work(task_doing("open('a')\nos.remove('b')\nopen('c', 'w')", head="import os\n"))
    assert (step.action, step.provider, step.resource) == ("file:delete", "filesystem", "file://b")
    assert [effect.action for effect in step.effects] == ["file:delete", "file:write", "file:read"]
    assert not step.declared


def test_step_without_effects_keeps_its_defaults() -> None:
    step = work(task_doing("return x + 1"))
    assert (step.action, step.provider, step.resource) == ("task:execute", "python", "task://f/work")
    assert step.effects == () and step.unseen == ()


def test_declared_action_wins_and_what_it_hides_is_told() -> None:
    decorator = "@task(action='data:read', provider='postgres', resource='dataset://a')"
    plan = task_doing("os.remove('b')", head="import os\n", decorator=decorator)
    assert (work(plan).action, work(plan).resource, work(plan).declared) == ("data:read", "dataset://a", True)
    assert told(work(plan)) == ["file:delete filesystem file://b"]
    hidden = [finding for finding in plan.findings if finding.code == "effect-hidden"]
    assert [(item.file, item.line) for item in hidden] == [("f.py", 6)]


@pytest.mark.parametrize("declared", ["file:delete", "data:drop"])
def test_declaration_that_is_as_strong_hides_nothing(declared: str) -> None:
    decorator = f"@task(action='{declared}', provider='filesystem', resource='file://b')"
    assert codes(task_doing("os.remove('b')", head="import os\n", decorator=decorator)) == []


def test_declared_tier_counts_against_a_hidden_effect() -> None:
    decorator = "@task(action='data:read', tier=3)"
    assert codes(task_doing("os.remove('b')", head="import os\n", decorator=decorator)) == []


def test_provider_alone_is_declared_over_the_effect() -> None:
    step = work(task_doing("os.remove('b')", head="import os\n", decorator="@task(provider='s3')"))
    assert (step.action, step.provider, step.declared) == ("file:delete", "s3", False)


# findings


def test_statement_without_a_condition_is_a_finding() -> None:
    plan = task_doing("psycopg.connect(x).execute('UPDATE t SET a = 1')", head=DB)
    assert codes(plan) == ["effect-unbounded"]
    assert plan.findings[0].line is not None


def test_sql_that_is_not_parsed_is_a_finding() -> None:
    plan = task_doing("psycopg.connect(x).execute('DELETE FROM t WHERE ((')", head=DB)
    assert codes(plan) == ["sql-not-parsed"]
    assert told(work(plan)) == ["data:delete postgres dataset://t"]


def test_effects_at_import_are_findings_in_imported_files_too() -> None:
    plan = plan_of(
        """
        import os
        from prefect import flow
        from lib import helper

        os.remove('a')

        @flow
        def main():
            helper()
        """,
        {"flows/lib.py": "import other\ndef helper():\n    pass\n", "flows/other.py": "import os\nos.mkdir('b')\n"},
    )
    found = [(item.file, item.line) for item in plan.findings if item.code == "effect-at-import"]
    assert found == [("f.py", 6), ("other.py", 2)]
    assert told(plan.step("main")) == []


def test_reading_a_file_at_import_is_none() -> None:
    plan = plan_of("from prefect import flow\nTEXT = open('a').read()\n@flow\ndef main():\n    pass\n")
    assert codes(plan) == []


def test_what_runs_only_as_a_script_is_not_at_import() -> None:
    source = "import os\nfrom prefect import flow\n@flow\ndef main():\n    pass\n"
    source += "if __name__ == '__main__':\n    os.remove('a')\n"
    assert codes(plan_of(source)) == []


# unseen


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("acme.push(x)", ("acme.push",)),
        ("c = acme.Client()\nc.push(x)", ("acme.Client", "acme.Client().push")),
        ("x.push(y)", (".push of x",)),
        ("x.api.push(y)", (".push of x.api",)),
        ("x.strip().split(',')[0].lower()", ()),
        ("x.append(1)\ny.items()\nlen(x)", ()),
        ("json.dumps(x)", ()),
        ("raise acme.SomeError('x')", ()),
        ("helper(x)", ("acme.push",)),
    ],
)
def test_unknown_outside_code_is_named(body: str, expected: tuple[str, ...]) -> None:
    head = "import acme, json, math, re\nfrom datetime import datetime\ndef helper(z):\n    acme.push(z)\n"
    assert work(task_doing(body, head=head)).unseen == expected


def test_many_unknown_calls_are_told_by_package() -> None:
    body = "\n".join(f"acme.f{n}(x)\nother.g{n}(x)" for n in range(9))
    assert work(task_doing(body, head="import acme, other\n")).unseen == ("acme.*", "other.*")


# kinds of code that flows are made of


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("boto3.client('s3').delete_object(Bucket=x, Key='a/b')", "file:delete s3 s3://{?}/a/b"),
        ("boto3.Session().client('s3').upload_file('a', 'bk', f'k/{x}')", "file:write s3 s3://bk/k/{?}"),
        ("boto3.resource('s3').Bucket('b').objects.all().delete()", "file:delete s3 s3://b/"),
        ("boto3.client(x).delete_thing()", "deploy:delete aws aws://{?}/delete_thing"),
        ("boto3.client('ec2').describe_instances()", "deploy:read aws aws://ec2/describe_instances"),
        ("storage.Client().bucket('b').blob('o').delete()", "file:delete gcs gs://b/o"),
        ("bigquery.Client().query('DROP TABLE d.t')", "data:drop bigquery dataset://d/t"),
        ("k8s.CoreV1Api().delete_namespaced_pod('p', 'ns')", "deploy:delete kubernetes k8s://pod/p"),
        ("OpenAI().chat.completions.create(model='m', messages=x)", "model:invoke openai model://m"),
        ("MongoClient(x)['d']['c'].delete_many({})", "data:delete mongodb dataset://d/c !"),
        ("xmlrpc.client.ServerProxy(x).execute_kw('d', 1, 'pw', 'res.partner', 'unlink', [1])",
         "odoo:unlink odoo odoo://res.partner"),
        ("with smtplib.SMTP('mail.x.com') as s:\n    s.send_message(x)", "email:send email email://mail.x.com"),
        ("Variable.set('limit', 3)", "config:write prefect variable://limit"),
        ("Secret.load('pw').get()", "secret:read prefect secret://pw"),
        ("pd.DataFrame(x).to_sql('t', 'postgresql://u:pw@h/d')", "data:write postgres dataset://t"),
        ("pd.read_csv('s3://b/x.csv')", "file:read s3 s3://b/x.csv"),
        ("with SqlAlchemyConnector.load('x') as c:\n    c.execute('TRUNCATE t')", "data:truncate sql dataset://t"),
    ],
)  # fmt: skip
def test_libraries_of_the_catalogue_are_read(body: str, expected: str) -> None:
    head = (
        "import boto3, smtplib, xmlrpc.client\nimport pandas as pd\nfrom google.cloud import bigquery, storage\n"
        "from kubernetes import client as k8s\nfrom openai import OpenAI\nfrom pymongo import MongoClient\n"
        "from prefect.blocks.system import Secret\nfrom prefect.variables import Variable\n"
        "from prefect_sqlalchemy import SqlAlchemyConnector\n"
    )
    plan = task_doing(body, head=head)
    assert told(work(plan))[0] == expected
    assert [step.kind for step in plan.steps if step.kind is StepKind.UNRESOLVED] == []


def test_users_entries_count_before_those_that_ship() -> None:
    from govflow.planning.effects.catalogue import Catalogue
    from govflow.planning.planner import plan_flow
    from govflow.planning.source import MemoryTree

    mine = Catalogue.default().extended(
        "version: 1\nfamily: acme\nabout: Ours.\ncalls:\n"
        "  - {call: [acme.wipe], arguments: [name], action: data:purge, provider: sap, resource: 'dataset://{name}'}\n",
        "effects.yaml",
    )
    source = "import acme\nfrom prefect import flow\n@flow\ndef main():\n    acme.wipe('orders')\n"
    tree = MemoryTree({"f.py": source})
    assert told(plan_flow(tree, "f.py", catalogue=mine).plan.steps[0]) == ["data:purge sap dataset://orders"]
    assert plan_flow(tree, "f.py").plan.steps[0].unseen == ("acme.wipe",)


def test_sql_that_unknown_code_makes_may_write_and_a_known_statement_does_what_it_says() -> None:
    head = "import psycopg, acme\nfrom sqlalchemy import select"
    unknown = task_doing("psycopg.connect('').execute(acme.build())", head=head)
    assert [effect.action for step in unknown.steps for effect in step.effects] == ["data:write"]
    known = task_doing("psycopg.connect('').execute(select(x))", head=head)
    assert [effect.action for step in known.steps for effect in step.effects] == ["data:query"]


def test_what_a_dataclass_does_after_it_is_made_counts() -> None:
    head = """
        import os
        from dataclasses import dataclass

        @dataclass
        class Sweep:
            path: str

            def __post_init__(self):
                os.remove("x")
    """
    plan = task_doing("Sweep('y')", head=head)
    assert [effect.resource for step in plan.steps for effect in step.effects] == ["file://x"]


def test_call_of_what_was_looked_up_by_a_computed_name_is_told() -> None:
    plan = task_doing("getattr(boto3.client('s3'), x)(Bucket='b')", head="import boto3")
    assert [name for step in plan.steps for name in step.unseen] == ["a call of a value"]
