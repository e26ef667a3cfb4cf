"""An API that fails on the first attempt; the task's retries carry the run."""

from prefect import flow, task
from prefect.runtime import task_run


def is_timeout(task, run, state):
    try:
        state.result()
    except TimeoutError:
        return True
    except Exception:
        return False
    return False


@task(retries=2, retry_delay_seconds=0, retry_condition_fn=is_timeout)
def call_api(endpoint):
    if task_run.run_count == 1:
        raise TimeoutError(f"{endpoint} timed out")
    return {"endpoint": endpoint, "attempt": task_run.run_count}


@task
def call_stable_api(endpoint):
    return {"endpoint": endpoint, "attempt": 1}


@task
def compare(a, b):
    return {"attempts": a["attempt"] + b["attempt"]}


@flow
def poll_apis():
    slow = call_api.submit("/slow")
    stable = call_stable_api("/stable")
    return compare(slow, stable)


if __name__ == "__main__":
    poll_apis()
