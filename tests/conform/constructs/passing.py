"""Ways in which a value gets from the call that made it to the call that takes it."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from queue import Queue

from prefect import flow, task

kept = None


@task
def a(x=None, y=None):
    return [f"a {x} {y}"]


@task
def b(x=None, y=None):
    return [f"b {x} {y}"]


@task
def c(x=None, y=None):
    return [f"c {x} {y}"]


# CONSTRUCT: result in a variable
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def variable():
    x = a(1)
    y = x
    b(y)


# CONSTRUCT: result in a variable, future in a variable
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def result_of_a_future():
    future = a.submit(1)
    future.wait()
    b(future.result())


# CONSTRUCT: tuple
# STEPS: a#1, c#1, b#1, b#2
# EDGES: a#1 -> b#1, c#1 -> b#2
@flow
def tuple_unpacked():
    x, y = a(1), c(2)
    b(x)
    b(y)


# CONSTRUCT: tuple, future in a variable
# STEPS: a#1, c#1, b#1, b#2
# EDGES: a#1 -> b#1, c#1 -> b#1, c#1 -> b#2
@flow
def tuple_of_futures():
    pair = (a.submit(1), c.submit(2))
    b(pair)
    b(pair[1])


# CONSTRUCT: tuple, starred arguments
# STEPS: a#1, a#2, a#3, b#1, c#1
# EDGES: a#1 -> b#1, a#2 -> c#1, a#3 -> c#1
@flow
def starred_target():
    first, *rest = [a(1), a(2), a(3)]
    b(first)
    c(rest)


# CONSTRUCT: list
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def list_appended():
    rows = []
    rows.append(a(1))
    b(rows)


# CONSTRUCT: list
# STEPS: a#1, c#1, b#1
# EDGES: a#1 -> b#1
@flow
def list_indexed():
    rows = [a(1), c(2)]
    b(rows[0])


# CONSTRUCT: list
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def list_that_a_task_made():
    rows = a(1)
    rows.append("more")
    b(rows)


# CONSTRUCT: list, future in a variable
# STEPS: c#1, a#1, b#1
# EDGES: a#1 -> b#1, c#1 -> b#1
@flow
def future_in_a_list_that_a_task_made():
    rows = c(0)
    rows.append(a.submit(1))
    b(rows)


# CONSTRUCT: dict
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def dict_written():
    box = {}
    box["x"] = a(1)
    b(box)


# CONSTRUCT: dict
# STEPS: a#1, c#1, b#1, b#2
# EDGES: a#1 -> b#1, c#1 -> b#2
@flow
def dict_read():
    box = {"x": a(1), "y": c(2)}
    b(box["x"])
    b(box.get("y"))


# CONSTRUCT: dict, future in a variable
# STEPS: a#1, c#1, b#1*
# EDGES: a#1 -> b#1, c#1 -> b#1
@flow
def dict_of_futures():
    box = dict(x=a.submit(1), y=c.submit(2))
    for name, future in box.items():
        b(future, y=name)


# CONSTRUCT: dict
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def dict_of_lists(n: int = 1):
    box = defaultdict(list)
    box[n].append(a.submit(1))
    b(box[n])


# CONSTRUCT: queue
# STEPS: a#1, b#1, a#2, c#1
# EDGES: a#1 -> b#1, a#2 -> c#1
@flow
def queues():
    line = deque()
    line.append(a.submit(1))
    b(line.popleft())
    box = Queue()
    box.put(a.submit(2))
    c(box.get())


@dataclass
class Batch:
    name: str = "x"
    parts: list = field(default_factory=list)


# CONSTRUCT: attribute
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def attribute_of_an_object():
    batch = Batch()
    batch.name = a(1)
    b(batch.name)


# CONSTRUCT: attribute, list
# STEPS: a#1, c#1, b#1
# EDGES: a#1 -> b#1
@flow
def list_of_each_object():
    one, other = Batch(), Batch()
    one.parts.append(a.submit(1))
    other.parts.append(c.submit(1))
    b(one.parts)


# CONSTRUCT: comprehension
# STEPS: b#1, a#1*
# EDGES: a#1 -> b#1
@flow
def comprehension_of_calls():
    b([a(i) for i in range(3)])


# CONSTRUCT: comprehension, future in a variable
# STEPS: a#1*, b#1
# EDGES: a#1 -> b#1
@flow
def comprehension_of_futures():
    futures = [a.submit(i) for i in range(3)]
    b([future.result() for future in futures])


# CONSTRUCT: comprehension, dict
# STEPS: a#1*, c#1, b#1*
# EDGES: a#1 -> b#1, b#1 -> c#1
@flow
def dict_comprehension():
    futures = {i: a.submit(i) for i in range(2)}
    c({i: b(future) for i, future in futures.items()})


# CONSTRUCT: comprehension
# STEPS: b#1, a#1*
# EDGES: a#1 -> b#1
@flow
def generator_expression():
    b(list(a(i) for i in range(2)))


# CONSTRUCT: zip and enumerate
# STEPS: a#1, a#2, b#1*, c#1, b#2*
# EDGES: a#1 -> b#1, a#2 -> b#1, c#1 -> b#2
@flow
def zipped():
    for x, y in zip([a(1), a(2)], [3, 4]):
        b(x, y)
    for i, x in enumerate([c.submit(1)]):
        b(x, i)


# CONSTRUCT: walrus
# STEPS: a#1, b#1?
# EDGES: a#1 -> b#1
@flow
def walrus():
    if x := a(1):
        b(x)


# CONSTRUCT: conditional expression
# STEPS: b#1, a#1?, c#1, a#2?
# EDGES: a#1 -> b#1, a#2 -> c#1
@flow
def conditional(n: int = 1):
    b(a(1) if n else None)
    c(n and a(2))


# CONSTRUCT: global and nonlocal
# STEPS: a#1, b#1
# EDGES: a#1 -> b#1
@flow
def global_name():
    global kept
    kept = a(1)
    b(kept)


# CONSTRUCT: global and nonlocal
# STEPS: nonlocal_name.<locals>.inner#1/a#1, b#1
# EDGES: nonlocal_name.<locals>.inner#1/a#1 -> b#1
@flow
def nonlocal_name():
    x = None

    def inner():
        nonlocal x
        x = a(1)

    inner()
    b(x)
