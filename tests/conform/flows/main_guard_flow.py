"""A script: the daily flow is at module level, the one for a developer is made under the guard."""

import sys

from prefect import flow, task


@task
def read_settings(argv):
    return {"verbose": "-v" in argv, "env": "dev"}


@task
def check_settings(settings):
    return {**settings, "ok": settings["env"] in ("dev", "prod")}


@flow
def check(argv: list[str] | None = None):
    settings = read_settings(argv or [])
    return check_settings(settings)


if __name__ == "__main__":

    @task
    def explain(checked):
        return "\n".join(f"{key}={value}" for key, value in checked.items())

    @flow(log_prints=True)
    def check_verbose():
        checked = check(sys.argv[1:])
        print(explain(checked))

    check_verbose()
