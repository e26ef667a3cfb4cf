"""The route matrix: no way to a risky body but through an approval, and docs/routes.md says what was seen."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from prefect.client.orchestration import get_client

from tests.prefect.conftest import POLICY, open_home
from tests.prefect.routes import again, code, elsewhere, waiting
from tests.prefect.routes.bench import Bench
from tests.prefect.routes.page import PAGE, page
from tests.prefect.routes.table import ROUTES, Route, Seen

# Prefect leaves the transports of its clients' event loops to the garbage collector, wherever that runs.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")

AT_ONCE = 5
FAMILIES = (waiting.WAITING, again.AGAIN, code.CODE, elsewhere.RUNNERS, elsewhere.PROCESSES)
ROWS = sorted(ROUTES, key=lambda row: FAMILIES.index(row.family))


class Matrix:
    """Each route is gone once; those that only wait for people are gone together."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._seen: dict[str, Future[Seen]] = {}

    def seen(self, row: Route) -> Seen:
        """What became of it."""
        if row.slug not in self._seen:
            # What is changed in memory is changed for one run at a time.
            alone = row.family == code.CODE or not row.is_run
            for one in [row] if alone else [one for one in ROWS if one.family == row.family and one.is_run]:
                context = contextvars.copy_context()
                self._seen[one.slug] = self._pool.submit(context.run, one.play, self.bench)
        return self._seen[row.slug].result()  # what it raised is raised here

    def close(self) -> None:
        """Wait for those that are on their way: after this there is nothing left that they could reach."""
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[Matrix]:
    with pytest.MonkeyPatch.context() as patch, open_home(tmp_path_factory.mktemp("routes"), patch) as home:
        patch.setenv("PREFECT_API_URL", prefect_server)
        patch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")
        home.configure(policy=POLICY, mode="enforce")
        with home.store() as store, get_client(sync_client=True) as client, ExitStack() as processes:
            gone = Matrix(Bench(home, store, client, home.path, processes))
            yield gone
            gone.close()


@pytest.mark.covers("B-05", "S4-04", "S1-04")
@pytest.mark.parametrize("row", [pytest.param(row, id=row.slug, marks=row.marks) for row in ROWS])
def test_no_body_runs_without_its_approval(matrix: Matrix, row: Route) -> None:
    assert matrix.seen(row).ran is row.open, matrix.seen(row)


def test_the_page_says_what_was_seen(matrix: Matrix) -> None:
    text = page([(row, matrix.seen(row) if row.is_run else None) for row in ROWS])
    if os.environ.get("GOVFLOW__WRITE_ROUTES") == "1":
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "python -m tests.routes_page writes it"
