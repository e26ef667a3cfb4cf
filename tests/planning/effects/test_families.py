"""For each family a task in the shape that people write, and what its step holds."""

from __future__ import annotations

import textwrap

import pytest

from tests.planning.effects.doing import task_doing, told, work
from tests.planning.effects.families import families

# Family, imports, body of the task, and its effects in any order.
CASES = [
    (
        "relational-databases",
        "import psycopg2",
        """
        conn = psycopg2.connect("dbname=x")
        with conn.cursor() as cur:
            cur.execute("DELETE FROM sales.orders WHERE id = %s", (x,))
        conn.commit()
        """,
        {"data:delete postgres dataset://sales/orders"},
    ),
    (
        "relational-databases",
        "import sqlalchemy as sa\nfrom sqlalchemy.orm import sessionmaker",
        """
        Session = sessionmaker(sa.create_engine("postgresql://h/db"))
        with Session() as session:
            session.execute(sa.text("insert into t select * from s"))
            session.commit()
        """,
        {"data:append postgres dataset://t", "data:read postgres dataset://s"},
    ),
    (
        "relational-databases",
        "from prefect_sqlalchemy import SqlAlchemyConnector",
        """
        with SqlAlchemyConnector.load("warehouse") as connector:
            return connector.fetch_all("select 1 from a.b")
        """,
        {"data:read sql dataset://a/b", "config:read prefect block://warehouse"},
    ),
    (
        "warehouses",
        "from prefect_snowflake import SnowflakeConnector",
        """
        with SnowflakeConnector.load("x") as connector:
            connector.execute("drop table a.b")
        """,
        {"data:drop snowflake dataset://a/b", "config:read prefect block://x"},
    ),
    (
        "warehouses",
        "from google.cloud import bigquery",
        """
        client = bigquery.Client(project="p")
        client.load_table_from_dataframe(x, "mart.orders").result()
        client.delete_table("mart.old")
        """,
        {"data:load bigquery dataset://mart/orders", "data:drop bigquery dataset://mart/old"},
    ),
    (
        "warehouses",
        "from pyspark.sql import SparkSession",
        """
        spark = SparkSession.builder.appName("x").getOrCreate()
        spark.table("a.c").filter("x").write.mode("overwrite").partitionBy("d").saveAsTable("mart.d")
        """,
        {"data:write spark dataset://mart/d", "data:read spark dataset://a/c"},
    ),
    (
        "document-stores",
        "from pymongo import MongoClient",
        """
        db = MongoClient("mongodb://h")["shop"]
        db.orders.delete_many({"old": True})
        db["audit"].insert_one({})
        """,
        {"data:delete mongodb dataset://shop/orders", "data:append mongodb dataset://shop/audit"},
    ),
    (
        "http",
        "import httpx",
        """
        with httpx.Client(base_url="https://api.example.com") as client:
            client.get("/a").json()
            client.delete("/b")
        """,
        {"http:get http https://api.example.com/a", "http:delete http https://api.example.com/b"},
    ),
    (
        "files",
        "import shutil\nfrom pathlib import Path",
        """
        shutil.rmtree("data/tmp")
        Path("data").joinpath("out.txt").write_text("x")
        """,
        {"file:delete filesystem file://data/tmp", "file:write filesystem file://data/out.txt"},
    ),
    (
        "aws",
        "import boto3",
        """
        s3 = boto3.Session().client("s3")
        s3.put_object(Bucket="sales", Key="k", Body=b"")
        boto3.client("ec2").terminate_instances(InstanceIds=x)
        boto3.client("elasticache").delete_cache_cluster(CacheClusterId="c")
        boto3.resource("s3").Bucket("old").objects.filter(Prefix="p").delete()
        """,
        {
            "file:write s3 s3://sales/k",
            "deploy:destroy aws aws://ec2/{?}",
            "deploy:delete aws aws://elasticache/delete_cache_cluster",
            "file:delete s3 s3://old/p",
            "file:list s3 s3://old/p",
        },
    ),
    (
        "google-cloud",
        "from google.cloud import storage",
        """
        storage.Client().bucket("b").blob("x.csv").upload_from_string("y")
        """,
        {"file:write gcs gs://b/x.csv"},
    ),
    (
        "azure",
        "from azure.storage.blob import BlobServiceClient",
        """
        BlobServiceClient.from_connection_string(x).get_blob_client("c", "b").delete_blob()
        """,
        {"file:delete azure azure://c/b"},
    ),
    (
        "dataframes",
        "import pandas as pd\nimport sqlalchemy as sa",
        """
        df = pd.read_csv("s3://in/a.csv")
        text = df.to_csv()
        engine = sa.create_engine("snowflake://u@acc/db")
        df.groupby("a").sum().reset_index().to_sql("out", engine, schema="mart")
        """,
        {"file:read s3 s3://in/a.csv", "data:write snowflake dataset://mart/out"},
    ),
    (
        "dataframes",
        "import io\nimport boto3\nimport polars as pl",
        """
        buffer = io.BytesIO()
        pl.scan_parquet("in.parquet").filter(pl.col("x") > 1).collect().write_parquet(buffer)
        boto3.client("s3").put_object(Bucket="b", Key="k", Body=buffer.getvalue())
        """,
        {"file:read filesystem file://in.parquet", "file:write s3 s3://b/k"},
    ),
    (
        "files",
        "import csv, gzip, io, zipfile\nimport pandas as pd",
        """
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb") as packed:
            packed.write(x)
        with zipfile.ZipFile(io.BytesIO(y), "w") as archive:
            archive.writestr("a.txt", "x")
        return pd.read_csv(io.StringIO(x)), list(csv.DictReader(io.StringIO(y)))
        """,
        set[str](),
    ),
    (
        "processes",
        "import subprocess\nfrom prefect_shell import ShellOperation",
        """
        subprocess.run(["make", "all"], check=True)
        ShellOperation(commands=["cd /srv", "rm -rf old"]).run()
        """,
        {"process:execute shell process://make", "file:delete filesystem process://rm"},
    ),
    (
        "messages",
        "import smtplib\nfrom slack_sdk import WebClient\nfrom confluent_kafka import Producer",
        """
        with smtplib.SMTP("mail.example.com", 25) as server:
            server.send_message(x)
        WebClient(token=y).chat_postMessage(channel="#ops", text="done")
        producer = Producer({})
        producer.produce("orders", b"")
        producer.flush()
        """,
        {
            "email:send email email://mail.example.com",
            "message:send slack slack://#ops",
            "message:publish kafka queue://orders",
        },
    ),
    (
        "infrastructure",
        "from kubernetes import client, config\nfrom dbt.cli.main import dbtRunner",
        """
        config.load_kube_config()
        client.AppsV1Api().delete_namespaced_deployment("web", "prod")
        dbtRunner().invoke(["test"])
        """,
        {"deploy:delete kubernetes k8s://deployment/web", "data:validate dbt dbt://test"},
    ),
    (
        "models",
        "from openai import OpenAI",
        """
        client = OpenAI()
        return client.chat.completions.create(model="small", messages=[]).choices[0].message.content
        """,
        {"model:invoke openai model://small"},
    ),
    (
        "business",
        "import xmlrpc.client\nimport stripe",
        """
        models = xmlrpc.client.ServerProxy("https://erp.example.com/xmlrpc/2/object")
        models.execute_kw("db", 1, x, "account.move", "unlink", [[1]])
        stripe.Refund.create(charge=y)
        """,
        {"odoo:unlink odoo odoo://account.move", "payment:refund stripe stripe://refunds"},
    ),
    (
        "source-code",
        "from github import Github",
        """
        Github(x).get_repo("acme/site").create_issue(title="x")
        """,
        {"code:write github github://acme/site", "code:read github github://{?}"},
    ),
    (
        "prefect",
        "from prefect.variables import Variable\nfrom prefect.blocks.system import Secret",
        """
        Variable.set("limit", "3", overwrite=True)
        return Secret.load("token").get()
        """,
        {"config:write prefect variable://limit", "secret:read prefect secret://token"},
    ),
    (
        "any-receiver",
        "",
        """
        x.to_sql("orders", y)
        y.execute("truncate table t")
        """,
        {"data:write sql dataset://orders", "data:truncate sql dataset://t"},
    ),
    (
        "harmless",
        "import json, logging, math, re\nfrom datetime import datetime\nfrom prefect import get_run_logger",
        """
        get_run_logger().info("x %s", math.sqrt(4))
        logging.getLogger(__name__).warning(json.dumps({"at": datetime.now().isoformat()}))
        return re.sub("a", "b", "c").upper(), sorted([1, 2]), print("x")
        """,
        set[str](),
    ),
]


@pytest.mark.parametrize(("family", "head", "body", "expected"), CASES)
def test_a_task_of_this_family(family: str, head: str, body: str, expected: set[str]) -> None:
    step = work(task_doing(textwrap.dedent(body), head=head))
    assert {effect.removesuffix(" !") for effect in told(step)} == expected
    assert step.unseen == ()


def test_every_family_has_a_task() -> None:
    assert {family for family, *_ in CASES} == set(families())
