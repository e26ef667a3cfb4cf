"""Futures travel in a tuple, a dict and the attributes of a dataclass before they are resolved."""

from dataclasses import dataclass, field

from prefect import flow, task
from prefect.futures import PrefectFuture


@dataclass
class Batch:
    name: str
    header: PrefectFuture
    parts: list = field(default_factory=list)

    def results(self):
        return [part.result() for part in self.parts]


@task
def read_header(name):
    return {"name": name, "parts": 2}


@task
def read_part(header, n):
    return {"of": header["name"], "n": n}


@task
def checksum(parts):
    return {"sum": sum(p["n"] for p in parts)}


@task
def compare(pair):
    left, right = pair
    return {"equal": left["sum"] == right["sum"]}


@task
def archive(bundle):
    return sorted(f"{key}:{len(value)}" for key, value in bundle.items())


@flow
def read_batches():
    morning = Batch("morning", read_header.submit("morning"))
    evening = Batch("evening", header=read_header.submit("evening"))
    for batch in (morning, evening):
        for n in range(2):
            batch.parts.append(read_part.submit(batch.header, n))

    pair = (checksum.submit(morning.parts), checksum.submit(evening.results()))
    verdict = compare(pair)
    bundle = {"morning": morning.header, "evening": evening.header}
    return {**verdict, "archive": archive.submit(bundle).result()}


if __name__ == "__main__":
    read_batches()
