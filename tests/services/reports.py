"""Reports to test formats with: one with everything in it, and one whose every text is hostile."""

from __future__ import annotations

from typing import Any

from govflow.ir.models import Plan
from govflow.services.check_plans import CheckReport
from govflow.services.diff_plans import diff_plans
from govflow.services.findings import RULES, CheckFinding, numbered
from tests.services.material import plan, workspace

HOSTILE = [
    "two\nlines\r\nthree",
    "::error file=x::pwned",
    "##[set-output name=x]y",
    "]]></failure><script>",
    "\x1b[31mred\x07\x00",
    "<!-- x --> <b>&amp;</b>",
    "| a | b |\n| --- |",
    "`code` ```diff ~~~",
    "[x](https://evil.example) @everyone https://evil.example",
    "%0A::warning::x %25,:",
    "{0} {x}",
    "\u202egnp.exe \ufeff \udcff",
    "</details><details open>",
    "\"quoted\" 'single' \\ back",
]


def finding(code: str, **changes: Any) -> CheckFinding:
    given: dict[str, Any] = {
        "flow": "flows/etl.py:etl",
        "message": f"What {code} found.",
        "mend": "Do something else.",
        "step_id": "etl/purge#1",
        "file": "flows/etl.py",
        "line": 7,
        "key": code,
        "column": 5,
        "end_line": 7,
        "end_column": 21,
        "source": "    purge('sales', 3)",
    }
    return CheckFinding(code, **(given | changes))


def report(*findings: CheckFinding, **changes: Any) -> CheckReport:
    """A report of one changed flow. Without findings: one of each rule, with and without a place."""
    found = findings or tuple(
        [finding(code) for code in RULES]
        + [finding(code, step_id=None, line=None, column=None, end_line=None, source=None) for code in RULES]
        + [finding("GF303", flow="flows/bad.py", step_id=None, file="flows/bad.py", column=None)]
        + [finding("GF301", end_line=9, end_column=2)]
    )
    opened = workspace()
    change = diff_plans(opened, "flows/etl.py:etl", _before(), plan())
    given: dict[str, Any] = {"changes": (change,), "drift": (change,), "words": ("flows",)}
    return CheckReport(tuple(numbered(found)), (), **(given | changes))


def hostile_report(text: str) -> CheckReport:
    """Every text that somebody else can choose is ``text``."""
    bad = plan()
    named = text.replace("\udcff", "")  # a name in source that is no text makes no plan
    changed = [
        one.model_copy(update={"resource": named, "callee": named, "step_id": f"{named}#1"})
        if one.step_id == "purge#1"
        else one
        for one in bad.steps
    ]
    bad = bad.model_copy(update={"flow": named, "steps": tuple(changed), "edges": ()})
    change = diff_plans(workspace(), f"{text}.py:etl", plan(), bad)
    found = [
        finding(code, flow=f"{text}.py:etl", message=text, mend=text, step_id=text, file=f"{text}.py", source=text)
        for code in ("GF102", "GF203", "GF301")
    ]
    return CheckReport(tuple(found), (), (change,), drift=(change,), base=text, words=(text,), locked=False)


def _before() -> Plan:
    made = plan()
    return made.model_copy(update={"steps": made.steps[:2], "edges": made.edges[1:]})
