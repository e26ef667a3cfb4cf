"""Tasks made by comprehension from plain functions and kept in a namespace, a dataclass and a tuple."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Callable, NamedTuple

from prefect import flow, task


def double(row):
    return {**row, "n": row["n"] * 2}


def negate(row):
    return {**row, "n": -row["n"]}


def keep(row):
    return dict(row)


OPERATIONS = {fn.__name__: task(fn, name=f"op-{fn.__name__}") for fn in (double, negate, keep)}
ops = SimpleNamespace(**OPERATIONS)


@dataclass
class Stage:
    name: str
    run: Callable
    times: int = 1


class Hooks(NamedTuple):
    before: Callable
    after: Callable


@task
def begin():
    return {"n": 3}


@task
def finish(row):
    return {"answer": row["n"]}


STAGES = [Stage("grow", OPERATIONS["double"], times=2), Stage("flip", ops.negate)]
HOOKS = Hooks(before=begin, after=finish)


@flow
def run_stages():
    row = HOOKS.before()
    for stage in STAGES:
        for _ in range(stage.times):
            row = stage.run(row)
    row = ops.keep(row)
    return HOOKS.after(row)


if __name__ == "__main__":
    run_stages()
