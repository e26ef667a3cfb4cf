"""The page about the log says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from govflow.audit import checkpoint, merkle, note, spelling, witness

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
SECTION = PAGE.split("## Checkpoints, proofs and witnesses")[1].split("\n## ")[0]


def test_the_example_of_the_page_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/audit.md", "exec"), names)
    assert names["opened"].checkpoint.origin == "log.example/acme"


def test_every_refusal_and_every_answer_is_on_the_page() -> None:
    errors = {
        name
        for module in (spelling, note, checkpoint, merkle)
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, ValueError) and each.__module__ == module.__name__
    } - {"NotTrusted"}  # which is all of these that are about trust
    assert set(re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)) == errors
    named = {witness.OK, witness.BAD_REQUEST, witness.FORBIDDEN, witness.NOT_FOUND, witness.CONFLICT}
    answers = {int(text) for text in re.findall(r"^\| (\d+) \|", SECTION, re.MULTILINE)}
    assert answers == named | {witness.UNPROCESSABLE}
