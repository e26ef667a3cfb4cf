"""Backfill: the daily flow is run once for each day of a range."""

from datetime import date, timedelta

from prefect import flow, task


@task
def plan_days(start: str, end: str) -> list[str]:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


@task
def extract_day(day: str) -> dict:
    return {"day": day, "values": [int(day[-2:]) * k for k in (1, 2, 3)]}


@task
def write_partition(payload: dict) -> dict:
    return {"partition": f"dt={payload['day']}", "rows": len(payload["values"])}


@flow(name="ingest-day", flow_run_name="ingest-{day}")
def ingest_day(day: str = "2024-01-01") -> dict:
    payload = extract_day(day)
    return write_partition(payload)


@task
def summarise(partitions: list[dict]) -> dict:
    return {"partitions": [p["partition"] for p in partitions], "rows": sum(p["rows"] for p in partitions)}


@flow(name="backfill")
def backfill(start: str = "2024-02-29", end: str = "2024-03-01") -> dict:
    done = []
    for day in plan_days(start, end):
        done.append(ingest_day(day))
    return summarise(done)


if __name__ == "__main__":
    backfill()
