"""Steps are passed to helpers as arguments and as defaults."""

from prefect import flow, task


@task
def read(n):
    return {"n": n, "path": []}


@task
def wash(item):
    return {**item, "path": [*item["path"], "wash"]}


@task
def dry(item):
    return {**item, "path": [*item["path"], "dry"]}


@task
def fold(item):
    return {**item, "path": [*item["path"], "fold"]}


def apply(item, step=wash):
    return step(item)


def chain(item, *steps):
    for step in steps:
        item = apply(item, step)
    return item


def compose(first, second):
    def both(item):
        return second(first(item))

    return both


wash_and_dry = compose(wash, dry)


class Line:
    def __init__(self, last):
        self.last = last

    def __call__(self, item):
        return self.last(item)

    @property
    def sample(self):
        return read(99)


@flow
def laundry():
    plain = apply(read(1))
    full = chain(read(2), wash, dry, fold)
    composed = wash_and_dry(read(3))
    line = Line(last=fold)
    return [x["path"] for x in (plain, full, composed, line(line.sample))]


if __name__ == "__main__":
    laundry()
