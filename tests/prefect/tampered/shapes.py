"""Flows in different shapes, to tamper with. Each body says that it ran by a line in a file."""

from __future__ import annotations

from typing import Final

TRACE: Final = """
import os

def trace(name):
    with open(os.environ["GOVFLOW__TRACE"], "a") as out:
        out.write(name + "\\n")
"""
LIBRARY: Final = """
from trace_file import trace

LIMIT = 10
NAMES = ("north", "south")

def clean(rows):
    return [row for row in rows if row < LIMIT]

def widen(rows):
    return [row + 1 for row in rows]

class Scale:
    def by(self, rows, factor=2):
        return [row * factor for row in rows]
"""
HEAD: Final = """
from trace_file import trace
from library import NAMES, Scale, clean, widen
import library
from govflow.prefect import flow, task

TABLE = "orders"
ROUNDS = 2

def shown(rows):
    return [row for row in rows]

def key_of(context, parameters):
    return None

@task(action="data:read", resource="table://orders")
def extract(day="today", size=3):
    trace("extract")
    return list(range(size))

@task(retries=1, retry_delay_seconds=0)
def transform(rows, factor=2):
    trace("transform")
    return Scale().by(clean(shown(rows)), factor)

@task(action="data:write", resource="table://orders")
def load(rows, table=TABLE):
    trace("load")
    return len(rows)

@task
def note(text):
    trace("note " + TABLE)
    return text

@task
def spare(rows=None):
    trace("spare")
    return rows
"""
BODIES: Final[dict[str, str]] = {
    "line": """
@flow
def main():
    rows = extract("monday", 3)
    better = transform(rows, 2)
    return load(better)
""",
    "submitted": """
@flow
def main():
    first = extract.submit("monday", 4)
    second = extract.submit("tuesday", 2)
    done = transform.submit(first)
    return load.submit(done, wait_for=[second]).result()
""",
    "mapped": """
@flow
def main():
    rows = transform.map([[1], [2], [3]])
    load.submit([1], wait_for=rows).wait()
    return note("done")
""",
    "looped": """
@flow
def main():
    for at in range(3):
        load(transform([at]))
    for name in NAMES:
        note(name)
    return note("end")
""",
    "branched": """
@flow
def main(full=True):
    rows = extract()
    if full:
        load(transform(rows))
    else:
        note("nothing")
    return note("after")
""",
    "helped": """
def publish(rows, text):
    load(rows)
    return note(text)

@flow
def main():
    rows = extract()
    publish(transform(rows), "one")
    return publish(rows, "two")
""",
    "nested": """
@flow
def child(rows, factor=3):
    return load(transform(rows, factor))

@flow
def other(rows, factor=3):
    trace("other")
    return note("other")

@flow
def main():
    rows = extract()
    return child(rows)
""",
    "hooked": """
def told(fl, run, state):
    trace("told")

@task(cache_key_fn=key_of, on_completion=[told])
def keyed(rows):
    trace("keyed")
    return rows

@flow(on_completion=[told])
def main():
    return keyed(extract())
""",
    "asynchronous": """
@task
async def fetch(at):
    trace("fetch")
    return at

@flow
async def main():
    rows = [await fetch(at) for at in (1, 2)]
    return load(transform(rows))
""",
    "inside": """
@task
def outer(rows):
    trace("outer")
    return load(transform(rows))

@flow
def main():
    return outer(extract())
""",
    "optioned": """
@flow
def main():
    fast = transform.with_options(name="fast", retries=0)
    rows = fast(extract("monday"))
    return load.with_options(tags=["x"])(rows)
""",
    "keyworded": """
@task
def sized(rows, *, note="usual", size=3):
    trace("sized " + note)
    return rows[:size]

@flow
def main():
    for at in range(2):
        rows = sized(extract())
    return load(rows)
""",
    "guarded": """
@flow(retries=1)
def main():
    try:
        rows = extract()
    except ValueError:
        rows = []
    try:
        return load(library.widen(rows))
    finally:
        note("closing")
""",
}
SOURCES: Final = {name: HEAD + body for name, body in BODIES.items()}
