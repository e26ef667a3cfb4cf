"""What a deployment file looks like: two flows, and the main guard serves them."""

from prefect import flow, serve, task


@task
def heartbeat(name):
    return {"alive": name}


@task
def cleanup(days):
    return {"removed": days * 2}


@flow(log_prints=True)
def hourly(name: str = "node-1"):
    return heartbeat(name)


@flow
def weekly(days: int = 7):
    removed = cleanup(days)
    return {**removed, **hourly("after-cleanup")}


if __name__ == "__main__":
    serve(
        hourly.to_deployment(name="hourly", cron="0 * * * *"),
        weekly.to_deployment(name="weekly", cron="0 6 * * 1", tags=["cleanup"]),
    )
