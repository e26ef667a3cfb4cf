"""Commands by name: getattr on a module-like class and on this module's globals."""

import sys

from prefect import flow, task


@task
def cmd_load(arg):
    return {"did": "load", "arg": arg}


@task
def cmd_drop(arg):
    return {"did": "drop", "arg": arg}


@task
def cmd_help(arg):
    return {"did": "help", "arg": arg}


class Commands:
    load = cmd_load
    drop = cmd_drop


@task
def log_line(results):
    return " ".join(r["did"] for r in results)


@flow
def run_script(script: str = "load users;drop temp;explain"):
    results = []
    for line in script.split(";"):
        command, _, arg = line.partition(" ")
        action = getattr(Commands, command, cmd_help)
        results.append(action(arg))
    last = globals()["cmd_help"]
    results.append(last("end"))
    results.append(getattr(sys.modules[__name__], "cmd_load")("again"))
    return log_line(results)


if __name__ == "__main__":
    run_script()
