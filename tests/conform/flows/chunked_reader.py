"""Generator tasks: one streams chunks, another consumes a stream."""

from prefect import flow, task


@task
def read_chunks(total, size):
    for start in range(0, total, size):
        yield list(range(start, min(start + size, total)))


@task
def process(chunk):
    return {"first": chunk[0], "sum": sum(chunk)}


@task
def running_total(parts):
    total = 0
    for part in parts:
        total += part["sum"]
        yield {"total": total}


@flow
def stream_numbers(total: int = 10, size: int = 4):
    parts = []
    for chunk in read_chunks(total, size):
        parts.append(process(chunk))
    totals = list(running_total(parts))
    return totals[-1]


if __name__ == "__main__":
    stream_numbers()
