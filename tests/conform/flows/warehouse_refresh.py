"""Refresh a small warehouse. Order between the steps is given with wait_for, no data is passed."""

from prefect import flow, task

WAREHOUSE: dict[str, list] = {}


@task
def create_schema(name):
    WAREHOUSE.clear()
    return {"schema": name}


@task
def load_table(table, rows):
    WAREHOUSE[table] = [{"table": table, "n": n} for n in range(rows)]
    return {"table": table, "rows": rows}


@task
def build_mart(name):
    return {"mart": name, "sources": sorted(WAREHOUSE)}


@task
def grant_access(role):
    return {"role": role, "grants": ["select"]}


@task
def vacuum():
    return {"vacuumed": len(WAREHOUSE)}


@flow(name="warehouse-refresh")
def refresh(area: str = "analytics"):
    schema_ready = create_schema.submit(area)

    users = load_table.submit("users", 3, wait_for=[schema_ready])
    events = load_table.submit("events", 5, wait_for=[schema_ready])
    products = load_table.submit("products", 2, wait_for=[schema_ready])

    mart = build_mart.submit("daily_active", wait_for=[users, events, products])
    access = grant_access.submit("bi_reader", wait_for=[mart])

    cleaned = vacuum(wait_for=[mart, access])
    return {"mart": mart.result(), "access": access.result(), **cleaned}


if __name__ == "__main__":
    refresh()
