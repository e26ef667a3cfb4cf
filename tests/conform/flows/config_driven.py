"""Everything is called with settings from a config: ** for options, * for positions."""

from prefect import flow, task

CONFIG = {
    "extract": {"source": "crm", "limit": 4},
    "load": {"table": "contacts", "mode": "append"},
    "columns": ["id", "name"],
}


@task
def extract(source, limit=10, **extra):
    return [{"id": n, "name": f"{source}-{n}", "note": ""} for n in range(limit)]


@task
def select(rows, *columns):
    return [{c: row[c] for c in columns} for row in rows]


@task
def load(rows, table, mode="replace"):
    return {"table": table, "mode": mode, "rows": len(rows)}


@task
def merge_receipts(*receipts, **labels):
    return {"tables": [r["table"] for r in receipts], **labels}


def run_step(step, *args, **kwargs):
    return step(*args, **kwargs)


@flow
def run_config(config: dict = CONFIG):
    rows = extract(**config["extract"], dedupe=True)
    narrow = select(rows, *config["columns"])
    main = load(narrow, **config["load"])
    copy = run_step(load, narrow, table="contacts_copy", **{"mode": "replace"})
    receipts = [main, copy]
    return merge_receipts(*receipts, run="nightly")


if __name__ == "__main__":
    run_config()
