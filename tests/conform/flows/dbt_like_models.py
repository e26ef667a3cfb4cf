"""Run models in the order of their dependencies, like dbt does; the graph is data."""

from graphlib import TopologicalSorter

from prefect import flow, task

MODELS = {
    "stg_orders": [],
    "stg_customers": [],
    "int_orders": ["stg_orders", "stg_customers"],
    "mart_revenue": ["int_orders"],
}


@task(task_run_name="model-{name}")
def run_model(name, upstream):
    return {"name": name, "rows": 1 + sum(u["rows"] for u in upstream)}


@task(task_run_name="test-{model[name]}")
def check_model(model):
    return {"model": model["name"], "passed": model["rows"] > 0}


@task
def write_docs(models, checks):
    return {"models": len(models), "passed": sum(c["passed"] for c in checks)}


@flow(name="dbt-build", log_prints=True)
def build_models(select: str | None = None):
    built, checks = {}, []
    for name in TopologicalSorter(MODELS).static_order():
        if select and not name.startswith(select):
            continue
        upstream = [built[parent] for parent in MODELS[name] if parent in built]
        future = run_model.submit(name, upstream)
        built[name] = future
        checks.append(check_model.submit(future))
    failed = [c for c in checks if not c.result()["passed"]]
    if failed:
        raise RuntimeError(f"{len(failed)} checks failed")
    return write_docs(list(built.values()), checks)


if __name__ == "__main__":
    build_models()
