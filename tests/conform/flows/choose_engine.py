"""The engine of a query is chosen by its size, in several ways of choosing."""

from prefect import flow, task


@task
def plan(query):
    return {"query": query, "rows": len(query) * 100}


@task
def run_local(planned):
    return {"engine": "local", "rows": planned["rows"]}


@task
def run_cluster(planned):
    return {"engine": "cluster", "rows": planned["rows"]}


@task
def run_preview(planned):
    return {"engine": "preview", "rows": min(planned["rows"], 10)}


@task
def cost(outcome, per_row=0.01):
    return {"engine": outcome["engine"], "cost": round(outcome["rows"] * per_row, 2)}


@flow
def run_query(query: str = "select 1", preview: bool = False):
    planned = plan(query)
    engine = run_cluster if planned["rows"] > 500 else run_local
    outcome = engine(planned)

    fallback = run_local
    if preview:
        fallback = run_preview
    second = fallback.submit(planned)

    third = (run_preview or run_local)(planned)
    costs = [cost(outcome), cost(second.result()), cost(third, per_row=0)]
    return {c["engine"]: c["cost"] for c in costs}


if __name__ == "__main__":
    run_query()
