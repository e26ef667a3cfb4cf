"""Every format holds to its schema, and nothing in somebody's source can leave its place in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from govflow.services.check_plans import CheckReport
from govflow.services.describe.formats import NAMES, render
from govflow.services.describe.formats.comment import MARK
from govflow.services.findings import RULES
from tests.services.reports import HOSTILE, finding, hostile_report, report

VECTORS = Path(__file__).parents[1] / "vectors"
MULTITOOL = os.environ.get("GOVFLOW__SARIF_MULTITOOL", "")
EVERYTHING = report()


def sarif(made: CheckReport) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render(made, "sarif"))
    return document


def schema(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))


@pytest.mark.parametrize("text", [None, *HOSTILE])
def test_sarif_is_valid_by_the_schema(text: str | None) -> None:
    made = EVERYTHING if text is None else hostile_report(text)
    jsonschema.Draft202012Validator(schema("sarif-2.1.0.schema.json")).validate(sarif(made))


@pytest.mark.skipif(
    not MULTITOOL, reason="needs sarif-multitool: export GOVFLOW__SARIF_MULTITOOL=$(bash .ci/multitool)"
)
@pytest.mark.covers("D-12", "B-02")
def test_sarif_passes_the_multitool_without_an_error_or_a_warning(tmp_path: Path) -> None:
    (tmp_path / "all.sarif").write_text(render(EVERYTHING, "sarif"))
    (tmp_path / "none.sarif").write_text(render(report(finding("GF102")), "sarif"))
    for number, text in enumerate(HOSTILE):
        (tmp_path / f"hostile{number}.sarif").write_text(render(hostile_report(text), "sarif"))
    names = sorted(map(str, tmp_path.glob("*.sarif")))
    done = subprocess.run(
        [MULTITOOL, "validate", *names, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )
    assert f"{len(names)} files scanned" in done.stdout, done.stdout + done.stderr
    assert "Analysis completed successfully" in done.stdout
    assert not re.search(r"\b(error|warning) (SARIF|GH|JSON)\w*\d+", done.stdout), done.stdout


def test_the_validator_says_so_when_something_is_wrong(tmp_path: Path) -> None:
    """What shows no error for a wrong file shows nothing for a right one."""
    document = sarif(EVERYTHING)
    document["runs"][0]["results"][0]["ruleIndex"] = "first"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema("sarif-2.1.0.schema.json")).validate(document)


def test_sarif_carries_every_rule_with_its_help() -> None:
    rules = sarif(EVERYTHING)["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    for rule in rules:
        assert rule["fullDescription"]["text"] and rule["help"]["text"] and rule["help"]["markdown"]
        assert len(rule["properties"]["tags"]) <= 10


def test_sarif_points_below_the_top_of_the_repository() -> None:
    for result in sarif(report(prefix="pipelines"))["runs"][0]["results"]:
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uri"].startswith("pipelines/flows/")
        assert place["uriBaseId"] == "%SRCROOT%"
    odd = report(finding("GF301", file="flows/ein Plan/ü#1.py"))
    place = sarif(odd)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "flows/ein%20Plan/%C3%BC%231.py"


def test_sarif_keeps_what_github_keeps_and_the_worst_first() -> None:
    many = report(*[finding("GF203", key=str(n)) for n in range(5000)], finding("GF102"))
    results = sarif(many)["runs"][0]["results"]
    assert len(results) == 5000
    assert results[0]["ruleId"] == "GF102"


def test_fingerprints_tell_findings_apart_and_do_not_move_with_a_line() -> None:
    def prints(made: CheckReport) -> list[str]:
        return [one["partialFingerprints"]["govflow/v1"] for one in sarif(made)["runs"][0]["results"]]

    assert len(set(prints(EVERYTHING))) == len(prints(EVERYTHING))
    assert prints(report(finding("GF301", line=7))) == prints(report(finding("GF301", line=70, column=1)))


@pytest.mark.parametrize("text", [None, *HOSTILE])
def test_junit_is_valid_by_the_schema(text: str | None) -> None:
    made = EVERYTHING if text is None else hostile_report(text)
    written = render(made, "junit")
    xmlschema.XMLSchema(str(VECTORS / "junit-10.xsd")).validate(written)
    root = ElementTree.fromstring(written)
    assert len(list(root.iter("testcase"))) == int(root.get("tests", "")) == len(made.findings)
    assert len(list(root.iter("failure"))) == int(root.get("failures", ""))


@pytest.mark.parametrize("text", [None, *HOSTILE])
def test_gitlab_is_valid_by_the_schema(text: str | None) -> None:
    made = EVERYTHING if text is None else hostile_report(text)
    issues = json.loads(render(made, "gitlab"))
    jsonschema.Draft202012Validator(schema("gitlab_code_quality.schema.json")).validate(issues)
    assert len({issue["fingerprint"] for issue in issues}) == len(made.findings)


COMMAND = re.compile(r"^::(error|warning|notice) ([a-zA-Z]+=[^,:\r\n]*)(,[a-zA-Z]+=[^,:\r\n]*)*::[^\r\n]*$")


@pytest.mark.parametrize("text", [None, *HOSTILE])
def test_github_gets_one_command_a_finding_and_no_other(text: str | None) -> None:
    made = EVERYTHING if text is None else hostile_report(text)
    lines = render(made, "github").split("\n")
    assert lines.pop() == ""
    last = lines.pop()
    assert not last.startswith("::") and "##[" not in last
    assert len(lines) == len(made.findings)
    for line in lines:
        assert COMMAND.match(line), line
        assert line.count("::") >= 2


def test_github_gets_the_span_of_a_call_on_one_line_alone() -> None:
    one, more = finding("GF301"), finding("GF301", end_line=9, end_column=2)
    assert "line=7,endLine=7,col=5,endColumn=21" in render(report(one), "github")
    assert "line=7,endLine=9,title" in render(report(more), "github")


class Tags(HTMLParser):
    """The tags of a page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not attrs or tag in ("code", "td", "th"), (tag, attrs)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_comment_holds_only_our_markup(text: str) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(render(hostile_report(text), "md"))
    tags = Tags()
    tags.feed(page)
    ours = {"h3", "h4", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "ul", "li", "strong"}
    assert set(tags.seen) <= ours | {"details", "summary"}
    assert tags.seen.count("details") == tags.seen.count("summary") == 1
    assert tags.comments == [" govflow check "]
    assert all(row.count("<td>") in (0, 5) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL))


def test_a_comment_can_be_found_again_and_says_what_to_do() -> None:
    page = render(EVERYTHING, "md")
    assert page.startswith(MARK + "\n")
    assert "<details><summary>changed: flows/etl.py:etl</summary>" in page
    assert "```diff\n+ purge#1" in page
    assert "`purge#1`, tier 3: 2 different people: anyone" in page
    assert "- `govflow lock flows`" in page
    assert "- `govflow explain GF101`" in page


def test_a_command_to_copy_quotes_a_file_name() -> None:
    page = render(report(finding("GF102"), words=("flows; rm -rf ~",)), "md")
    assert "`govflow lock 'flows; rm -rf ~'`" in page


def test_a_comment_is_never_too_long_for_github() -> None:
    found = [finding("GF203", key=str(n), message="x" * 900, mend="y" * 900, step_id="s" * 300) for n in range(300)]
    (change,) = EVERYTHING.changes
    page = render(report(*found, changes=(change,) * 300), "md")
    assert len(page) < 65_536
    assert "more findings are not shown" in page
    assert "more changed flows: too long for a comment" in page


def test_a_comment_that_is_cut_keeps_what_fails_the_check() -> None:
    notes = [finding("GF203", flow=f"flows/a{n}.py:a", key=str(n)) for n in range(300)]
    page = render(report(*notes, finding("GF201", flow="flows/z.py:z"), finding("GF104", flow="flows/z.py:z")), "md")
    assert page.index("GF201 denied") < page.index("GF104 tier-raised") < page.index("GF203 approval-needed")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_has_no_control_characters(text: str) -> None:
    shown = render(hostile_report(text), "text")
    assert all(letter == "\n" or letter.isprintable() for letter in shown)


def test_text_underlines_the_call() -> None:
    shown = render(report(finding("GF301", source="\tä = (purge('sales', 3))", column=7, end_column=24)), "text")
    assert "  7 |  ä = (purge('sales', 3))\n    |       ^^^^^^^^^^^^^^^^^\n" in shown.replace("\t", " ")
    many = render(report(finding("GF301", end_line=9, end_column=2)), "text")
    assert "  7 |     purge('sales', 3)\n    |     ^^^^^^^^^^^^^^^^^\n" in many, "to the end of its first line"


def test_json_is_data_with_a_version() -> None:
    document = json.loads(render(EVERYTHING, "json"))
    assert document["version"] == 1
    assert document["errors"] + document["warnings"] + document["notes"] == len(document["findings"])
    assert {"code", "level", "flow", "message", "file", "line", "column", "fingerprint"} <= document["findings"][
        0
    ].keys()


@given(st.text(max_size=60))
def test_whatever_a_text_holds_each_format_stays_readable(text: str) -> None:
    hostile = f"x{text}"  # names are not empty
    made = hostile_report(hostile)
    assert len(json.loads(render(made, "json"))["findings"]) == 3
    assert len(json.loads(render(made, "gitlab"))) == 3
    assert len(sarif(made)["runs"][0]["results"]) == 3
    assert len(list(ElementTree.fromstring(render(made, "junit")).iter("testcase"))) == 3
    assert all(COMMAND.match(line) for line in render(made, "github").split("\n")[:3])
    assert len(render(made, "github").split("\n")) == 5
    assert all(letter == "\n" or letter.isprintable() for letter in render(made, "text"))


@pytest.mark.parametrize("name", NAMES)
def test_every_format_ends_with_a_newline_and_is_the_same_every_time(name: Any) -> None:
    assert render(EVERYTHING, name).endswith("\n")
    assert render(EVERYTHING, name) == render(report(), name)


def test_every_format_is_a_file_of_its_own() -> None:
    folder = files("govflow.services.describe").joinpath("formats")
    assert sum(entry.name.endswith(".py") for entry in folder.iterdir()) == len(NAMES) + 2, "and the summary"
