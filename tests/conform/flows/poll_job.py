"""Start an export job at a provider and poll until it is done."""

import time

from prefect import flow, task

STEPS = {}


@task
def start_job(kind):
    STEPS[kind] = iter(["queued", "running", "running", "done"])
    return {"job": kind}


@task(log_prints=True)
def job_status(job):
    status = next(STEPS[job["job"]])
    print(f"{job['job']}: {status}")
    return {"job": job["job"], "status": status}


@task
def download_result(job):
    return {"job": job["job"], "rows": 7}


@task
def cancel_job(job):
    return {"job": job["job"], "rows": 0}


@flow(timeout_seconds=60)
def export_job(kind: str = "audit-log", max_polls: int = 6, pause: float = 0.01):
    job = start_job(kind)
    for _ in range(max_polls):
        status = job_status(job)
        if status["status"] == "done":
            break
        if status["status"] == "queued":
            continue
        time.sleep(pause)
    else:
        return cancel_job(job)
    return download_result(job)


if __name__ == "__main__":
    export_job()
