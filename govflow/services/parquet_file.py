"""Records in a Parquet file, written by pyarrow where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO, Any

from govflow.audit.flat_record import COLUMNS, NUMBERS, flat_record
from govflow.errors import RequestError


@contextmanager
def parquet_file(to: IO[bytes]) -> Iterator[Callable[[list[tuple[int, str, dict[str, Any]]]], None]]:
    """What writes a batch of places, hashes and bodies to a file as one row group.

    Columns are those of :data:`COLUMNS`: 64-bit numbers and text.

    Raises:
        RequestError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise RequestError(
            "Parquet is written by pyarrow, which is not installed.", mend="pip install pyarrow, or use --to csv."
        ) from None
    schema = arrow.schema([(name, arrow.int64() if name in NUMBERS else arrow.string()) for name in COLUMNS])
    with parquet.ParquetWriter(to, schema) as writer:
        yield lambda batch: writer.write_table(arrow.Table.from_pylist([flat_record(*one) for one in batch], schema))
