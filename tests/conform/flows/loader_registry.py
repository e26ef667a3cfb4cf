"""Loaders by file kind: tasks in a dict, registered by a decorator, picked at run time."""

from prefect import flow, task

LOADERS = {}


def loader(kind):
    def register(fn):
        LOADERS[kind] = fn
        return fn

    return register


@loader("csv")
@task
def load_csv(text):
    return [line.split(",") for line in text.splitlines()]


@loader("kv")
@task
def load_kv(text):
    return [pair.split("=") for pair in text.split(";")]


@task
def load_unknown(text):
    return [[text]]


@task
def count_cells(tables):
    return {"cells": sum(len(row) for table in tables for row in table)}


FINISHERS = {"count": count_cells, "none": None}

FILES = [("csv", "a,b\nc,d"), ("kv", "x=1;y=2"), ("xml", "<r/>")]


@flow
def load_files(finish: str = "count"):
    tables = []
    for kind, text in FILES:
        load = LOADERS.get(kind, load_unknown)
        tables.append(load(text))
    tables.append(LOADERS["csv"]("e,f"))
    return FINISHERS[finish](tables)


if __name__ == "__main__":
    load_files()
