"""The flow stops until somebody gives the answer in the user interface."""

from prefect import flow, pause_flow_run, task
from prefect.input import RunInput


class Decision(RunInput):
    approve: bool = False
    note: str = ""


@task
def prepare_release(version):
    return {"version": version}


@task
def publish(release):
    return {"published": release["version"]}


@task
def withdraw(release, note):
    return {"withdrawn": release["version"], "note": note}


@flow
def release(version: str = "1.4.0"):
    prepared = prepare_release(version)
    decision = pause_flow_run(wait_for_input=Decision, timeout=3600)
    if decision.approve:
        return publish(prepared)
    return withdraw(prepared, decision.note)


if __name__ == "__main__":
    release()
