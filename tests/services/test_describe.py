"""What people are shown, and that nothing in somebody's source can become markup, a link or a terminal code."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt

from govflow.approval import ApprovalRule, RequestState, Vote, VoteDecision
from govflow.ir.diff import diff
from govflow.ir.models import Effect, FlowParameter, Plan, Step
from govflow.services.describe import (
    diff_markdown,
    diff_text,
    plan_json,
    plan_markdown,
    plan_mermaid,
    plan_text,
    request_json,
    request_markdown,
    request_text,
    requests_text,
)
from govflow.services.describe.escape import code, label, plain, prose, table, width
from tests.services.material import NOON, assessed, plan, request, step

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](javascript:alert(1))",
    "[click](https://evil.example)",
    "a | b | c",
    "`code` ``more`` ```fence```",
    "\x1b[31mred\x1b[0m",
    "line\nbreak # heading",
    "\u202egnp.exe",
    "@everyone",
    "&lt;b&gt;",
    "--> end",
    '"];click s0 "https://evil.example"',
    "***bold*** __under__ ~~gone~~",
    "https://evil.example/?a=1",
]


def render(text: str) -> str:
    """Markdown as a browser would get it, raw HTML allowed: the strictest test of what was escaped."""
    return str(MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").render(text))


def hostile_plan(text: str) -> Plan:
    base = plan()
    bad: list[Step] = [
        one.model_copy(update={"resource": text, "callee": text, "reason": text}) if one.step_id == "purge#1" else one
        for one in base.steps
    ]
    return base.model_copy(update={"flow": text, "steps": tuple(bad)})


def test_a_plan_for_a_terminal_names_tiers_verdicts_and_reasons() -> None:
    text = plan_text("etl.py:etl", plan(), assessed(plan()))
    assert "flow etl  etl.py:etl" in text
    assert re.search(r"^  tier     3 high$", text, re.MULTILINE)
    assert re.search(r"^  verdict  escalate$", text, re.MULTILINE)
    assert re.search(r"purge#1 +3 +escalate +one +data:delete +duckdb +dataset://acme/\{table\} +load#1$", text, re.M)
    assert re.search(r"load#1 .* etl \(order\)$", text, re.M), "ordering is told from data"
    assert "purge#1: escalate by policy rule high-risk-needs-two" in text
    assert "etl.py:9: dynamic-call: a call could not be followed" in text


def test_a_plan_as_json_is_data() -> None:
    document = json.loads(json.dumps(plan_json("etl.py:etl", plan(), assessed(plan()))))
    assert document["tier"] == 3
    assert document["verdict"] == "escalate"
    last = document["steps"][-1]
    assert last["after"] == [{"step_id": "load#1", "kind": "data"}]
    assert last["tier_rules"][0]["rule"] == "destructive-action"
    assert last["rule"] == "high-risk-needs-two"
    assert (last["file"], last["line"]) == ("etl.py", 7)


def test_a_plan_as_markdown_holds_a_table_and_a_drawing() -> None:
    page = render(plan_markdown("etl.py:etl", plan(), assessed(plan())))
    assert page.count("<tr>") == 1 + 3
    assert "<td>3 high</td>" in page
    assert '<code class="language-mermaid">flowchart TD' in page


def test_a_drawing_tells_data_from_order() -> None:
    drawn = plan_mermaid(plan(), assessed(plan()))
    assert "s1 --> s2" in drawn
    assert "s0 -.-> s1" in drawn
    assert ":::tier3" in drawn


def test_a_drawing_of_a_large_plan_is_cut_and_says_so() -> None:
    large = plan().model_copy(update={"steps": tuple(step(f"s#{n}") for n in range(250)), "edges": ()})
    assert "50 more steps" in plan_mermaid(large, assessed(large))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_stays_text_in_markdown(text: str) -> None:
    """Names, resources and reasons are an attacker's in a pull request."""
    bad = hostile_plan(text)
    page = render(plan_markdown(f"{text}:etl", bad, assessed(bad, environment="production")))
    _only_our_tags(page)
    asked = request(
        reason=text,
        requester="alice",
        policy_rule=text,
        summary={"action": text, "resource": text, "parameters": {text: text}, "note": text},
    )
    vote = Vote(
        request_id="req-1", principal="bob", assurance="claimed", decision=VoteDecision.APPROVE, reason=text, at=NOON
    )
    _only_our_tags(render(request_markdown(asked, [vote], form=text)))


def _only_our_tags(page: str) -> None:
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", page))
    assert tags <= {"h3", "p", "code", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "pre"}
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = {row.count("<td>") + row.count("<th>") for row in rows}
    assert cells <= {8, 2}, "no name made or swallowed a cell"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_cannot_leave_its_label(text: str) -> None:
    drawn = plan_mermaid(hostile_plan(text), assessed(hostile_plan(text)))
    for line in drawn.splitlines()[1:4]:
        assert re.fullmatch(r'  s\d\["[^"`<>\[\]]*<br/>[^"`<>\[\]]*"\]:::tier\d', line)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_gets_no_control_characters(text: str) -> None:
    bad = hostile_plan(text)
    shown = plan_text(f"{text}:etl", bad, assessed(bad)) + diff_text(text, diff(plan(), bad))
    shown += request_text(request(reason=text, summary={"parameters": {text: text}})) + requests_text(
        [request(reason=text)]
    )
    assert all(letter == "\n" or letter.isprintable() for letter in shown)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_code_span_shows_exactly_the_name(text: str) -> None:
    rendered = re.search(r"<code>(.*)</code>", render(code(text)), re.DOTALL)
    assert rendered is not None
    assert html.unescape(rendered[1]) == plain(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_prose_shows_the_words(text: str) -> None:
    rendered = html.unescape(re.sub(r"</?p>", "", render(prose(text)))).replace("\u200b", "").strip()
    assert rendered == plain(text).strip()


def test_prose_does_not_mention_anybody() -> None:
    assert "@team" not in html_of(prose("ask @team"))


def html_of(text: str) -> str:
    return html.unescape(render(text))


def test_a_diff_is_the_same_for_people_everywhere() -> None:
    changed = plan().model_copy(update={"steps": (*plan().steps, step("purge#2", action="data:delete"))})
    found = diff(plan(), changed)
    assert "+ purge#2" in diff_text("etl.py:etl", found)
    page = diff_markdown("etl.py:etl", found)
    assert "```diff\n+ purge#2" in page
    assert diff_text("etl.py:etl", diff(plan(), plan())) == "etl.py:etl: unchanged\n"
    assert "unchanged" in diff_markdown("etl.py:etl", diff(plan(), plan()))


def test_a_diff_with_a_fence_in_it_stays_one_block() -> None:
    bad = hostile_plan("```\n<script>")
    page = render(diff_markdown("etl.py:etl", diff(plan(), bad)))
    assert page.count("<pre>") == 1
    assert "<script" not in page


def test_a_request_says_everything_that_a_stop_must_say() -> None:
    """Rule, tier, reason, who may approve, until when, and exactly how to answer."""
    for text in (request_text(request()), html_of(request_markdown(request()))):
        for said in (
            "bulk-delete",
            "destructive-action",
            "data:delete duckdb dataset://acme/sales",
            "8255",
            "2 different people: ",
            "but not alice",
            "2026-03-01 13:00 UTC",
            "govflow approvals approve req-1 --as NAME",
            "govflow approvals deny req-1 --as NAME",
            "production",
        ):
            assert said in text, said


def test_a_literal_secret_is_not_shown_with_the_plan() -> None:
    """Plans are pages in Prefect and comments on pull requests."""
    login = step("load#1", resource="pg://app:gnomon@db/sales")
    parameters = (FlowParameter(name="api_key", default="'gnomon'"), FlowParameter(name="region", default="'eu'"))
    made = plan().model_copy(update={"steps": (login,), "edges": (), "parameters": parameters})
    judged = assessed(made)
    document = plan_json("etl.py:etl", made, judged)
    shown = json.dumps(document) + plan_text("etl.py:etl", made, judged) + plan_markdown("etl.py:etl", made, judged)
    assert "gnomon" not in shown
    assert "pg://app:***@db/sales" in shown
    assert [one["default"] for one in document["parameters"]] == ["***", "'eu'"]


def test_a_secret_parameter_is_not_shown_to_approvers() -> None:
    shown = request_text(request()) + request_markdown(request()) + json.dumps(request_json(request()))
    assert "canary" not in shown
    assert "api_key" in shown, "that there is one is shown"


def test_a_request_that_is_closed_is_not_asked_again() -> None:
    closed = request(state=RequestState.DENIED)
    assert "approvals approve" not in request_text(closed) + request_markdown(closed)


def test_votes_carry_the_assurance_of_the_name() -> None:
    vote = Vote(
        request_id="req-1",
        principal="bob",
        assurance="claimed, not authenticated",
        decision=VoteDecision.APPROVE,
        reason="counted",
        at=NOON,
    )
    said = "bob (claimed, not authenticated): approve at 2026-03-01 12:00 UTC: counted"
    assert said in request_text(request(), [vote])


def test_no_requests_is_said() -> None:
    assert requests_text([]) == "no requests\n"


def test_columns_line_up_for_wide_letters() -> None:
    lines = table([["名前", "x"], ["ab", "y"]], indent=0)
    assert [width(line) for line in lines] == [7, 7]


def test_one_person_of_anyone() -> None:
    anyone: dict[str, Any] = {"rule": ApprovalRule(name="one")}
    assert "one person: anyone, but not alice" in request_text(request(**anyone))


def test_label_keeps_plain_words() -> None:
    assert label("load_flights 1") == "load_flights 1"


def doing() -> Plan:
    read = Effect(action="data:read", provider="postgres", resource="pg://app:gnomon@db/orders")
    purge = Effect(action="data:delete", provider="postgres", resource="dataset://orders", unbounded=True)
    own = {"action": "data:delete", "provider": "postgres", "resource": "dataset://orders"}
    return plan().model_copy(
        update={
            "steps": (
                step("work#1", **own, effects=(purge, read)),
                step("calm#1", action="data:read", provider="duckdb", resource="x", effects=(), declared=True),
                step("blind#1", unseen=tuple(f"acme.call_{n}" for n in range(12))),
            ),
            "edges": (),
        }
    )


def test_a_plan_shows_every_effect_and_what_nobody_knows() -> None:
    made = doing()
    text, page = plan_text("a:b", made, assessed(made)), html_of(plan_markdown("a:b", made, assessed(made)))
    for said in (
        "data:delete postgres dataset://orders (every row)",
        "data:read postgres pg://app:***@db/orders",
        "not known: acme.call_0, ",
        "acme.call_9 and 2 more",
    ):
        assert said in text
        assert said in page.replace("\u200b", "")
    row, calm, blind = plan_json("a:b", made, assessed(made))["steps"]
    assert [one["action"] for one in row["effects"]] == ["data:delete", "data:read"]
    assert [one["unbounded"] for one in row["effects"]] == [True, False]
    assert "gnomon" not in json.dumps(row)
    assert (calm["declared"], calm["effects"], len(blind["unseen"])) == (True, [], 12)


def test_a_plan_whose_rows_say_all_has_no_more_to_say() -> None:
    assert "also:" not in plan_text("etl.py:etl", plan(), assessed(plan()))
