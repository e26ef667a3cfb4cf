"""A flow chosen from a table runs as the subflow; the parent does not name it."""

from prefect import flow, task


@task
def count_rows(table):
    return {"table": table, "rows": len(table)}


@task
def drop_rows(table):
    return {"table": table, "dropped": 1}


@flow(name="maintenance-analyse")
def analyse(table: str = "t"):
    return count_rows(table)


@flow(name="maintenance-compact")
def compact(table: str = "t"):
    before = count_rows(table)
    return {**before, **drop_rows(table)}


JOBS = {"analyse": analyse, "compact": compact}


@task
def journal(entries):
    return [e["table"] for e in entries]


@flow(name="maintenance")
def maintenance(plan: list[tuple[str, str]] = [("compact", "logs"), ("analyse", "users")]):
    entries = []
    for job, table in plan:
        run = JOBS[job]
        entries.append(run(table=table))
    return journal(entries)


if __name__ == "__main__":
    maintenance()
