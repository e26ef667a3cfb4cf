"""Write then verify in one transaction; a failed check rolls the write back."""

from prefect import flow, task
from prefect.transactions import transaction

TABLE = {}


@task
def write_rows(table, rows):
    TABLE[table] = rows
    return {"table": table, "rows": len(rows)}


@write_rows.on_rollback
def drop_rows(txn):
    TABLE.pop(txn.get("table"), None)


@write_rows.on_commit
def mark_committed(txn):
    TABLE["_last"] = txn.get("table")


@task
def verify(written, minimum):
    if written["rows"] < minimum:
        raise ValueError(f"{written['table']}: only {written['rows']} rows")
    return {"ok": written["table"]}


@task
def report(good, bad):
    return {"good": good, "bad": bad, "left": sorted(k for k in TABLE if not k.startswith("_"))}


@flow
def publish_tables(minimum: int = 2):
    TABLE.clear()
    good, bad = [], []
    for table, rows in {"users": [1, 2, 3], "teams": [1]}.items():
        try:
            with transaction() as txn:
                txn.set("table", table)
                written = write_rows(table, rows)
                verify(written, minimum)
            good.append(table)
        except ValueError:
            bad.append(table)
    return report(good, bad)


if __name__ == "__main__":
    publish_tables()
