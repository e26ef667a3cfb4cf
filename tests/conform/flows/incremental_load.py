"""Incremental load with a watermark: read what is new, merge, move the mark on only if something came."""

from prefect import flow, get_run_logger, task

SOURCE = [
    {"id": 1, "updated": "2024-01-01", "name": "old"},
    {"id": 2, "updated": "2024-02-03", "name": "new"},
    {"id": 3, "updated": "2024-02-09", "name": "newer"},
]


@task
def get_watermark(table: str) -> dict:
    return {"table": table, "value": "2024-01-31"}


@task(retries=3, retry_delay_seconds=0)
def read_new(watermark: dict) -> list[dict]:
    return [row for row in SOURCE if row["updated"] > watermark["value"]]


@task
def merge(table: str, rows: list[dict]) -> dict:
    return {"table": table, "merged": len(rows), "latest": max(row["updated"] for row in rows)}


@task
def set_watermark(table: str, value: str) -> dict:
    return {"table": table, "value": value}


@flow(name="incremental-load", description="Moves new rows into the lake.")
def incremental_load(table: str = "contacts", full: bool = False) -> dict:
    logger = get_run_logger()
    watermark = {"table": table, "value": ""} if full else get_watermark(table)
    rows = read_new(watermark)
    if not rows:
        logger.info("nothing new since %s", watermark["value"])
        return watermark
    merged = merge(table, rows)
    return set_watermark(table, merged["latest"])


if __name__ == "__main__":
    incremental_load()
    incremental_load(full=True)
