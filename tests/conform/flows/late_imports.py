"""Imports inside functions and behind try, as in images that do not carry every library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, task

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

try:
    from fast_parser import parse_line
except ImportError:

    @task
    def parse_line(line):
        return {"cells": line.split(",")}


@task
def read_lines():
    import io

    return io.StringIO("a,b\nc,d,e").read().splitlines()


def start_parsing(lines) -> list[PrefectFuture]:
    return [parse_line.submit(line) for line in lines]


@flow
def parse_file():
    from shared_steps import write

    lines = read_lines()
    parsed = [f.result() for f in start_parsing(lines)]
    return write(parsed, "parsed")


if __name__ == "__main__":
    parse_file()
