from prefect import flow

from nightly import extract, load
from nightly import transform as tf


@flow(name="nightly")
def nightly(source: str = "ledger"):
    rows = extract.run(source)
    squared = tf.run(rows)
    receipts = load.run(squared)
    checks = [extract.validate(rows), tf.validate(squared), load.validate(receipts)]
    return {"rows": len(squared), "ok": all(c["ok"] for c in checks)}
