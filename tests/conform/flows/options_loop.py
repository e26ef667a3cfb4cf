"""One loader, one variant per tenant, made in a loop with with_options; tags and run names from the data."""

from prefect import flow, tags, task
from prefect.concurrency.sync import concurrency


@task(task_run_name="load-{tenant}")
def load(tenant, rows=2):
    with concurrency("tenant-db", occupy=1):
        return {"tenant": tenant, "rows": rows}


@task(viz_return_value={"tenants": 0})
def overview(receipts):
    return {"tenants": len(receipts)}


@flow(flow_run_name=lambda: "tenant-load")
def load_tenants(tenants: tuple[str, ...] = ("blue", "green")):
    variants = {tenant: load.with_options(name=f"load-{tenant}", tags={tenant}) for tenant in tenants}
    futures = []
    for rows, (tenant, variant) in enumerate(variants.items(), start=1):
        with tags(f"tenant:{tenant}"):
            futures.append(variant.submit(tenant, rows=rows))
    receipts = [future.result() for future in futures]
    return overview(receipts)


if __name__ == "__main__":
    load_tenants()
