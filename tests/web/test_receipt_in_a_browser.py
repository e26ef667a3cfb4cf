"""In a real browser: whoever reads a run takes its receipt along, and a stranger verifies the file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from govflow.services.seal_log import seal, verifier_keys
from tests.services.receipts import verified_alone, write_plain_run
from tests.web.desks import chromium, desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.covers("B-07")
def test_the_run_page_gives_the_receipt(tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # the key lies there
    with desk(tmp_path, browser) as served:
        write_plain_run(served.workspace, "one", "acme")
        page = served.window("dave")
        page.goto("/runs/one")
        expect(page.get_by_text("No checkpoint covers all of them yet")).to_be_visible()
        assert page.get_by_role("link", name="Download the receipt").count() == 0
        seal(served.workspace, datetime.now(UTC))
        page.reload()
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download the receipt").click()
        assert waiting.value.suggested_filename == "one.receipt.json"
        kept = Path(waiting.value.path()).read_bytes()
        code, words = verified_alone(tmp_path / "auditor", kept, verifier_keys(served.workspace))
        assert code == 0 and words.startswith("verified: "), words
