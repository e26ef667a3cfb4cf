"""Start another team's deployment and use what it gave."""

from prefect import flow, task
from prefect.deployments import run_deployment


@task
def choose_partitions():
    return ["2024-01", "2024-02"]


@task
def trigger(partition):
    run = run_deployment("rebuild/production", parameters={"partition": partition}, timeout=600)
    return {"partition": partition, "state": run.state_name}


@task
def summary(runs):
    return {r["partition"]: r["state"] for r in runs}


@flow
def rebuild_partitions():
    partitions = choose_partitions()
    runs = trigger.map(partitions).result()
    return summary(runs)


if __name__ == "__main__":
    rebuild_partitions()
