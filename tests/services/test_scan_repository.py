"""A scan reads repositories that nobody wrote for govflow, and never falls over one of their files."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from govflow.errors import SourceError
from govflow.governor.assess import judge
from govflow.ir.models import Effect, Step, StepKind, Tier
from govflow.services.deeds import deeds_of, knows_nothing
from govflow.services.describe.scan import scan_json, scan_markdown, scan_text
from govflow.services.plan_flows import FlowPlan, Unread
from govflow.services.scan_repository import Scan, ScannedFlow, judged_flow, scan_repository
from govflow.services.scan_summary import names_production, riskiest, summarise
from tests.services.material import plan, step, workspace
from tests.services.test_describe import HOSTILE

TASKS = """
from prefect import flow, task

@task
def load(n):
    return n
"""
FLOW = TASKS + "\n@flow\ndef nightly(n=1):\n    load(load(n))\n"


def scan(root: Path, *words: str, **settings: Any) -> Scan:
    given = {"environment": "production", **settings}
    return scan_repository(workspace(**given), [str(root / word) for word in words or (".",)], root)


def put(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def names(found: Scan) -> list[str]:
    return [flow.name for flow in found.flows]


def test_every_flow_of_a_folder(tmp_path: Path) -> None:
    put(tmp_path, {"flows/a.py": FLOW, "flows/deep/b.py": FLOW, "lib.py": "x = 1\n"})
    found = scan(tmp_path)
    assert names(found) == ["flows/a.py:nightly", "flows/deep/b.py:nightly"]
    assert found.files == 3
    assert [flow.place(flow.plan.steps[1]) for flow in found.flows] == [("flows/a.py", 10), ("flows/deep/b.py", 10)]


def test_one_flow_of_a_file(tmp_path: Path) -> None:
    put(tmp_path, {"a.py": FLOW + "\n@flow\ndef other():\n    load(1)\n"})
    assert names(scan(tmp_path, "a.py:other")) == ["a.py:other"]


def test_imports_are_followed_where_nothing_marks_a_repository(tmp_path: Path) -> None:
    """No git, no pyproject.toml: the folder that was named is the repository."""
    put(
        tmp_path,
        {
            "lib/tasks.py": TASKS,
            "flows/a.py": "from prefect import flow\nfrom lib.tasks import load\n@flow\ndef f():\n    load(1)\n",
        },
    )
    (flow,) = scan(tmp_path).flows
    assert [one.callee for one in flow.plan.steps] == ["f", "../lib/tasks.py:load"]


def test_paths_outside_the_working_folder_are_relative_to_what_was_named(tmp_path: Path) -> None:
    put(tmp_path, {"here/x.txt": "", "there/flows/a.py": FLOW})
    found = scan_repository(workspace(), [str(tmp_path / "there")], tmp_path / "here")
    assert names(found) == ["flows/a.py:nightly"]


def test_a_repository_without_flows_is_no_error(tmp_path: Path) -> None:
    found = scan(put(tmp_path, {"a.py": "def flow(): ...\n"}))
    assert (found.flows, found.unread, found.files) == ((), (), 1)
    assert "0 flows in 1 Python file" in scan_text(found)


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        scan(tmp_path, "nowhere")


BROKEN: dict[str, str | bytes] = {
    "syntax.py": "def flow(:\n",
    "encoding.py": b"# flow\nx = '\xff\xfe'\n",
    "unknown_codec.py": b"# -*- coding: no-such-codec -*-\n# flow\n",
    "nul.py": b"flow = 1\x00\n",
    "deep.py": "flow = " + "(" * 3000 + ")" * 3000 + "\n",
    "operators.py": "flow = " + "-" * 30000 + "1\n",
    "words.py": FLOW.replace("@task", '@task(action="acme:frobnicate")').replace(
        "from prefect", "from govflow.prefect"
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_file_that_cannot_be_read_is_reported_beside_the_others(tmp_path: Path, name: str) -> None:
    put(tmp_path, {"bad/" + name: BROKEN[name], "good.py": FLOW})
    found = scan(tmp_path)
    assert "good.py:nightly" in names(found)
    told = [one.file for one in found.unread] + [flow.name.partition(":")[0] for flow in found.flows]
    assert f"bad/{name}" in told or name == "operators.py"
    json.dumps(scan_json(found))


def test_a_latin_1_file_with_a_coding_comment_is_read(tmp_path: Path) -> None:
    put(tmp_path, {"a.py": b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + FLOW.encode()})
    assert names(scan(tmp_path)) == ["a.py:nightly"]


def test_modules_that_import_each_other(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "a.py": "from prefect import flow\nfrom b import *\nfrom b import g\n@flow\ndef f():\n    g()\n",
            "b.py": "from prefect import flow\nfrom a import *\nfrom a import f\n@flow\ndef g():\n    f()\n",
        },
    )
    assert names(scan(tmp_path)) == ["a.py:f", "b.py:g"]


def test_a_long_module(tmp_path: Path) -> None:
    body = "\n".join(f"    x{n} = load({n})" for n in range(5000))
    put(tmp_path, {"a.py": TASKS + f"\n@flow\ndef long():\n{body}\n"})
    (flow,) = scan(tmp_path).flows
    assert len(flow.plan.steps) == 5001


def test_two_thousand_files(tmp_path: Path) -> None:
    put(tmp_path, {f"p{n % 40}/m{n}.py": FLOW if n % 100 == 0 else "x = 1\n" for n in range(2000)})
    seen: list[tuple[int, int]] = []
    opened = workspace(environment="production")
    found = scan_repository(opened, [str(tmp_path)], tmp_path, lambda done, total: seen.append((done, total)))
    assert (len(found.flows), found.files) == (20, 2000)
    assert seen == [(n, 20) for n in range(1, 21)]


def test_nesting_of_any_depth_is_a_finding_or_a_result(tmp_path: Path) -> None:
    blocks = "".join(" " * n + "if x:\n" for n in range(1, 95)) + " " * 95 + "load(1)\n"
    chain = "".join(f"def h{n}(x):\n    return h{n + 1}(x)\n" for n in range(500)) + "def h500(x):\n    load(x)\n"
    put(
        tmp_path,
        {
            "blocks.py": TASKS + "@flow\ndef f(x):\n" + blocks,
            "chain.py": TASKS + chain + "@flow\ndef g(x):\n    h0(x)\n",
        },
    )
    found = scan(tmp_path)
    assert len(found.flows) + len(found.unread) == 2


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    place = os.path.join(os.fsencode(tmp_path), b"caf\xe9.py")
    try:
        with open(place, "wb") as file:
            file.write(FLOW.encode())
    except OSError:
        pytest.skip("this file system takes only text")
    put(tmp_path, {"good.py": FLOW})
    found = scan(tmp_path)
    assert "good.py:nightly" in names(found)
    assert len(found.flows) + len(found.unread) == 2
    for report in (scan_text(found), scan_markdown(found), json.dumps(scan_json(found))):
        report.encode(errors="backslashreplace")


def doing(*effects: Effect, **changes: Any) -> Step:
    first = effects[0] if effects else None
    own = {"action": first.action, "provider": first.provider, "resource": first.resource} if first else {}
    return step("work#1", **{**own, "effects": effects, **changes})


def effect(action: str, resource: str = "dataset://orders", provider: str = "postgres", **changes: Any) -> Effect:
    return Effect(action=action, provider=provider, resource=resource, **changes)


def with_steps(tmp_path: Path, *steps: Step) -> Scan:
    """A scan whose one flow has these steps besides its own."""
    put(tmp_path, {"a.py": TASKS + "@flow\ndef nightly(): ...\n"})
    opened = workspace(environment="production")
    found = scan_repository(opened, [str(tmp_path)], tmp_path)
    (flow,) = found.flows
    numbered = [one.model_copy(update={"step_id": f"nightly/work#{n}"}) for n, one in enumerate(steps, 1)]
    made_up = flow.plan.model_copy(update={"steps": (*flow.plan.steps, *numbered)})
    made = judged_flow(opened, FlowPlan("a.py:nightly", made_up), "a.py")
    assert isinstance(made, ScannedFlow)
    return replace(found, flows=(made,))


@pytest.mark.parametrize(
    ("action", "provider", "answers"),
    [
        ("data:delete", "postgres", ["deletes", "data"]),
        ("data:drop", "postgres", ["deletes", "data"]),
        ("payment:create", "stripe", ["pays"]),
        ("accounting:delete", "odoo", ["deletes", "pays"]),
        ("email:send", "email", ["sends"]),
        ("message:publish", "kafka", ["sends"]),
        ("data:write", "postgres", ["data"]),
        ("data:read", "postgres", []),
        ("file:write", "s3", ["files"]),
        ("http:post", "http", ["services"]),
        ("http:get", "http", []),
        ("process:execute", "shell", ["programs"]),
        ("deployment:run", "prefect", ["programs"]),
        ("dns:update", "route53", ["rights"]),
        ("access:grant", "aws", ["rights"]),
        ("secret:read", "vault", ["secrets"]),
        ("model:invoke", "openai", ["models"]),
        ("odoo:update", "odoo", ["business"]),
        ("memory:write", "python", ["changes"]),
    ],
)
def test_what_a_step_does_answers_questions(action: str, provider: str, answers: list[str]) -> None:
    opened = workspace(environment="production")
    one = doing(effect(action, provider=provider))
    judged = judge(one, plan(), opened.ground, opened.requester(), opened.opened_at)
    (deed,) = deeds_of(one, judged, opened.ground.tiers, "production")
    assert list(deed.answers) == answers


def test_a_declaration_stands_beside_what_was_found(tmp_path: Path) -> None:
    hiding = doing(
        effect("data:delete"), declared=True, action="data:read", provider="duckdb", resource="dataset://acme"
    )
    (flow,) = with_steps(tmp_path, hiding).flows
    assert [(deed.action, deed.declared) for deed in flow.deeds["nightly/work#1"]] == [
        ("data:read", True),
        ("data:delete", False),
    ]


def test_nothing_found_is_told_from_nothing_known_and_from_a_declaration() -> None:
    assert knows_nothing(doing())
    assert knows_nothing(doing(unseen=("acme.push",)))
    assert not knows_nothing(doing(effect("data:read")))
    assert not knows_nothing(doing(action="data:read", declared=True))
    assert not knows_nothing(doing(kind=StepKind.UNRESOLVED))


def test_the_summary_answers_what_a_team_lead_asks(tmp_path: Path) -> None:
    found = with_steps(
        tmp_path,
        doing(effect("data:delete", "dataset://prod/orders", unbounded=True), effect("data:read")),
        doing(effect("email:send", "email://smtp.acme.io", "email")),
        doing(unseen=("acme.push", "acme.pull")),
        doing(unseen=("acme.push",)),
        doing(),
        doing(kind=StepKind.UNRESOLVED, reason="the name is computed"),
        doing(effect("data:write")),
    )
    summary = summarise(found)
    assert (summary.flows, summary.steps, summary.unresolved, summary.unbounded) == (1, 8, 1, 1)
    assert {count.key: count.steps for count in summary.tiers} == {"3": 1, "2": 2, "1": 0, "0": 4}
    assert summary.tierless.steps == 1, "what may run anything is not counted as harmless"
    assert {count.key: count.steps for count in summary.answers} == {"deletes": 1, "sends": 1, "data": 2}
    assert summary.production.touched == ("dataset://prod/orders",)
    assert summary.unseen == (("acme.push", 2), ("acme.pull", 1))
    assert (summary.blind, summary.silent) == (2, 1)
    assert [(count.key, count.steps) for count in summary.verdicts] == [
        ("reject", 1),
        ("escalate", 1),  # two people
        ("escalate", 2),  # one
        ("pass", 4),
    ]
    assert [one.step_id for _, one in riskiest(found, 2)] == ["nightly/work#1", "nightly/work#2"]
    text = scan_text(found)
    for said in (
        "deletes, drops or uninstalls",
        "1 call could not be read",
        "acme.push (2), acme.pull (1)",
        "nothing found in 2 of the tasks and hooks, and they call such code",
        "Nothing found is not harmless",
        "wait for 2 different people: anyone, but not whoever asks for the run (rule high-risk-needs-two)",
        "refused by rule no-unresolved-in-production",
        "data:delete postgres dataset://prod/orders (every row)",
        "could not be read: the name is computed",
        "not known: acme.push, acme.pull",
        "1 step in 1 flow: may run anything",
        ", and 1 call that may run anything",
    ):
        assert said in text, said


@pytest.mark.parametrize(
    ("resource", "is_production"),
    [
        ("s3://acme-prod/x", True),
        ("dataset://production/orders", True),
        ("https://live.acme.io/", True),
        ("s3://acme-nonprod/x", False),
        ("s3://acme-non-prod/x", False),
        ("https://pre.prod.acme.io/", False),
        ("dataset://products", False),
    ],
)
def test_production_is_told_by_whole_words(resource: str, is_production: bool) -> None:
    assert names_production(resource) is is_production


def test_only_steps_of_a_tier_are_shown_and_the_summary_counts_all(tmp_path: Path) -> None:
    found = with_steps(tmp_path, doing(effect("data:delete")), doing(effect("data:read")))
    text, page, document = (make(found, Tier.HIGH) for make in (scan_text, scan_markdown, scan_json))
    assert isinstance(document, dict)
    assert "work#1" in text
    assert "work#2" not in text
    assert "work#2" not in page
    assert [one["step_id"] for one in document["flows"][0]["steps"]] == ["nightly/work#1"]
    assert document["summary"]["steps"] == 3
    assert "1 flow without a step" in scan_text(with_steps(tmp_path, doing()), Tier.HIGH)


def test_a_scan_is_the_same_twice(tmp_path: Path) -> None:
    put(tmp_path, {"a.py": FLOW, "b.py": FLOW, "bad.py": "def flow(:\n"})
    one, other = (json.dumps(scan_json(scan(tmp_path))) for _ in range(2))
    assert one == other


def test_a_name_raises_a_step_and_not_each_thing_that_it_does(tmp_path: Path) -> None:
    (flow,) = with_steps(tmp_path, doing(effect("data:read"), callee="purge_orders")).flows
    assert flow.judged.steps["nightly/work#1"].tier == 3
    assert [int(deed.tier) for deed in flow.deeds["nightly/work#1"]] == [0]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_source_stays_text_in_every_report(tmp_path: Path, hostile: str) -> None:
    found = with_steps(
        tmp_path,
        doing(effect("data:delete", hostile), unseen=(hostile,)),
        doing(unseen=(hostile,)),
        doing(kind=StepKind.UNRESOLVED, reason=hostile),
    )
    bad = Unread(f"{hostile}.py", SourceError(f"{hostile}.py:1: {hostile}"))
    found = replace(found, unread=(bad,), passed_over=((hostile, "link"),))
    assert all(letter == "\n" or letter.isprintable() for letter in scan_text(found))
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(scan_markdown(found))
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", page))
    assert tags <= {"h2", "h3", "p", "code", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "br"}
    json.dumps(scan_json(found))
