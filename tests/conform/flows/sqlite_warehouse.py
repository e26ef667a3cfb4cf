"""An in-memory SQLite warehouse; the connection is opened by a plain helper and handed to the tasks."""

import sqlite3
from contextlib import closing

from prefect import flow, task
from prefect.cache_policies import NO_CACHE


def connect():
    return closing(sqlite3.connect(":memory:", check_same_thread=False))


@task(cache_policy=NO_CACHE)
def create(connection):
    connection.execute("create table trips (city text, km real)")
    return {"table": "trips"}


@task(cache_policy=NO_CACHE)
def insert(connection, table, rows):
    connection.executemany(f"insert into {table['table']} values (?, ?)", rows)
    return {"rows": len(rows)}


@task(cache_policy=NO_CACHE)
def query(connection, sql):
    return connection.execute(sql).fetchall()


@task
def as_report(rows):
    return {city: km for city, km in rows}


@flow
def load_trips():
    with connect() as connection:
        table = create(connection)
        insert(connection, table, [("Bergen", 12.5), ("Bergen", 3.0), ("Moss", 7.0)])
        rows = query(connection, "select city, sum(km) from trips group by city order by city")
        count = query(connection, "select count(*) from trips")[0][0]
    report = as_report(rows)
    return {"count": count, **report}


if __name__ == "__main__":
    load_trips()
