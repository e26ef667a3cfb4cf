"""Data quality gate: a list of checks is run over a table; any failed check stops the publish step."""

from prefect import flow, task
from prefect.logging import get_run_logger


@task
def read_table():
    return [
        {"id": 1, "email": "a@example.org", "age": 31},
        {"id": 2, "email": "b@example.org", "age": 45},
        {"id": 3, "email": "c@example.org", "age": 27},
    ]


@task
def check_not_empty(rows):
    return {"check": "not_empty", "ok": len(rows) > 0}


@task
def check_unique_ids(rows):
    ids = [r["id"] for r in rows]
    return {"check": "unique_ids", "ok": len(ids) == len(set(ids))}


@task
def check_emails(rows):
    return {"check": "emails", "ok": all("@" in r["email"] for r in rows)}


@task
def check_age_range(rows):
    return {"check": "age_range", "ok": all(0 < r["age"] < 130 for r in rows)}


@task
def publish(rows):
    return {"published": len(rows)}


CHECKS = [check_not_empty, check_unique_ids, check_emails, check_age_range]


@flow(name="quality-gate")
def quality_gate():
    logger = get_run_logger()
    rows = read_table()
    results = []
    for check in CHECKS:
        outcome = check(rows)
        logger.info("%s: %s", outcome["check"], outcome["ok"])
        results.append(outcome)

    if not all(r["ok"] for r in results):
        return {"published": 0, "failed": [r["check"] for r in results if not r["ok"]]}
    return publish(rows)


if __name__ == "__main__":
    quality_gate()
