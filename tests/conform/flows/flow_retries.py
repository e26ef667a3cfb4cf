"""The flow itself is run again when its first attempt fails."""

from prefect import flow, task
from prefect.runtime import flow_run


@task
def read_inventory():
    return {"items": 12}


@task
def lock_inventory(attempt):
    if attempt == 1:
        raise ConnectionError("lock is held")
    return {"locked": True, "attempt": attempt}


@task
def update_inventory(inventory, lock):
    return {**inventory, **lock}


@flow(retries=1, retry_delay_seconds=0)
def inventory_update():
    inventory = read_inventory()
    lock = lock_inventory(flow_run.run_count)
    return update_inventory(inventory, lock)


if __name__ == "__main__":
    inventory_update()
