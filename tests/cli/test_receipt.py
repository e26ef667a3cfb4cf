"""Receipts at the terminal, on the side of the log and on the side of an auditor."""

from __future__ import annotations

import re
from pathlib import Path

from govflow.audit import receipt_verifier
from govflow.services.workspace import open_workspace
from govflow.settings import load_settings
from tests.cli.conftest import Run
from tests.services.receipts import write_run

PAGE = (Path(__file__).parents[2] / "docs" / "receipts.md").read_text()


def test_the_page_goes_as_it_says(repo: Path, run: Run) -> None:
    opened = open_workspace(load_settings())
    write_run(opened, "RUN")
    opened.close()
    for line in re.findall(r"^\$ govflow (.*?)(?:  +#.*)?$", PAGE, re.MULTILINE):
        words, _, into = line.partition(" > ")
        result = run(*words.split())
        assert result.code == 0, result.err
        if into:
            (repo / into).write_text(result.out)
    assert (repo / "verify_receipt.py").read_text() == Path(receipt_verifier.__file__).read_text()
    good = run("receipt", "verify", "run.receipt.json", "--key", "log.key")
    assert good.code == 0 and good.out.startswith("verified: 9 records of run RUN")
    shown = run("receipt", "show", "run.receipt.json", "--key", (repo / "log.key").read_text())
    assert "approval req-RUN of purge#1" in shown.out
    document = run("receipt", "show", "run.receipt.json", "--key", "log.key", "--format", "json").json
    assert document["facts"]["requester"] == "alice"
    again = run("receipt", "make", "RUN", "-o", "run.receipt.json")
    assert again.code == 2, "a file that is there stays as it is"


def test_each_verdict_has_its_exit_code(repo: Path, run: Run) -> None:
    opened = open_workspace(load_settings())
    write_run(opened, "a")
    write_run(opened, "b", leave_out=("approval.vote",))
    opened.close()
    for name in "ab":
        assert run("receipt", "make", name, "-o", f"{name}.json").code == 0
    key = run("audit", "keys").out
    unsigned = run("receipt", "verify", "a.json")
    assert unsigned.code == 4 and "verifier key" in unsigned.out
    lacking = run("receipt", "verify", "b.json", "--key", key, "--format", "json")
    assert lacking.code == 4 and "the vote by bob on req-b" in lacking.json["words"]
    spelled = (repo / "a.json").read_bytes()
    (repo / "crlf.json").write_bytes(spelled.replace(b"\n", b"\r\n"))
    assert run("receipt", "verify", "crlf.json", "--key", key).code == 4, "as the verifier that stands alone says"
    text = (repo / "a.json").read_text()
    first, second = (re.search(r'"sig": "(.*)"', (repo / f"{name}.json").read_text()) for name in "ab")
    assert first is not None and second is not None
    (repo / "a.json").write_text(text.replace(first[1], second[1]))
    assert run("receipt", "verify", "a.json", "--key", key).code == 1
    assert "facts" in run("receipt", "show", "a.json", "--key", key, "--format", "json").json
