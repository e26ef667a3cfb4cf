"""Helpers that start work and hand the futures back; the flow resolves them where it needs them."""

from prefect import flow, task, unmapped


@task
def query(table):
    return [{"table": table, "n": n} for n in range(3)]


@task
def tag(row, label):
    return {**row, "label": label}


@task
def count(rows, table):
    return {table: len(rows)}


@task
def union(counts):
    return {key: value for part in counts for key, value in part.items()}


def start_query(table):
    return query.submit(table)


def start_all(tables):
    return {table: start_query(table) for table in tables}


def tag_rows(rows_future, label):
    return tag.map(rows_future, label=unmapped(label))


def resolve(futures):
    return [future.result() for future in futures]


@flow
def count_tables(tables: list[str] = ["users", "teams"]):
    started = start_all(tables)
    counts = []
    for table, future in started.items():
        tagged = resolve(tag_rows(future, label=table.upper()))
        counts.append(count.submit(tagged, table))
    return union(resolve(counts))


if __name__ == "__main__":
    count_tables()
