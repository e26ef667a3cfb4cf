"""Pictures of plans: the same every time, bounded, and nothing in somebody's source becomes part of the drawing."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.ir.models import Edge, Effect, Multiplicity, Plan, Step, StepKind, Tier
from govflow.services.describe.pictures import draw, picture, plans_dot, plans_mermaid, plans_svg
from govflow.services.describe.pictures.layout import Layout, lay_out
from govflow.services.describe.pictures.marks import element, text
from govflow.services.describe.pictures.svg import MOST_FLOWS
from govflow.services.describe.plans import plan_json, plan_markdown, plan_text
from tests.services.material import assessed, plan, step
from tests.services.test_describe import HOSTILE, hostile_plan

SVG = "{http://www.w3.org/2000/svg}"


def drawn(made: Plan, name: str = "etl.py:etl", **options: int) -> str:
    return plans_svg([draw(name, made, assessed(made), **options)], "a picture")  # type: ignore[arg-type]


def chain(count: int, *, wide: int = 1) -> Plan:
    steps = tuple(step(f"s#{n}") for n in range(count))
    edges = tuple(Edge(source=f"s#{n}", target=f"s#{n + wide}") for n in range(count - wide))
    return plan().model_copy(update={"steps": steps, "edges": edges, "findings": ()})


# layout

GRAPHS = st.integers(1, 12).flatmap(
    lambda size: st.tuples(
        st.just(list(range(size))),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=30),
    )
)


@given(GRAPHS)
def test_every_node_has_a_place_of_its_own(graph: tuple[list[int], list[tuple[int, int]]]) -> None:
    nodes, edges = graph
    made = lay_out(nodes, edges)
    assert sorted(made.places) == nodes
    for one, other in itertools.combinations(made.places.values(), 2):
        assert one[0] != other[0] or abs(one[1] - other[1]) >= 1 - 1e-6, "boxes do not overlap"
    assert all(0 <= layer < made.layers and -1e-6 <= row <= made.rows - 1 + 1e-6 for layer, row in made.places.values())


@given(GRAPHS)
def test_every_edge_is_drawn_once_from_end_to_end(graph: tuple[list[int], list[tuple[int, int]]]) -> None:
    nodes, edges = graph
    made = lay_out(nodes, edges)
    assert sorted(route.edge for route in made.routes) == sorted({edge for edge in edges if edge[0] != edge[1]})
    for route in made.routes:
        ends = [made.places[node] for node in route.edge]
        assert [route.points[0], route.points[-1]] == [pytest.approx(end) for end in ends]
        steps = {after[0] - before[0] for before, after in itertools.pairwise(route.points)}
        assert steps in ({1}, {-1}), "one layer after the other, in one direction"


@given(GRAPHS)
def test_the_same_graph_gives_the_same_picture(graph: tuple[list[int], list[tuple[int, int]]]) -> None:
    assert lay_out(*graph) == lay_out(*graph)


def test_without_a_circle_edges_go_from_left_to_right() -> None:
    made = lay_out(range(6), [(0, 1), (0, 2), (1, 3), (2, 3), (4, 3), (3, 5)])
    assert all(made.places[a][0] < made.places[b][0] for a, b in (route.edge for route in made.routes))
    assert made.places[4][0] == made.places[3][0] - 1, "a source stands by what it feeds"


def crossings(made: Layout) -> int:
    spans = [pair for route in made.routes for pair in itertools.pairwise(route.points)]
    return sum(
        1
        for one, other in itertools.combinations(spans, 2)
        if one[0][0] == other[0][0] and (one[0][1] - other[0][1]) * (one[1][1] - other[1][1]) < -1e-9
    )


def test_crossings_that_can_be_avoided_are() -> None:
    assert crossings(lay_out(range(8), [(0, 7), (1, 6), (2, 5), (3, 4)])) == 0
    assert crossings(lay_out(range(6), [(0, 5), (1, 4), (2, 3), (0, 4)])) == 0


def test_too_many_edges_are_left_out_and_counted() -> None:
    everything = [(a, b) for a, b in itertools.combinations(range(120), 2)]
    made = lay_out(range(120), everything)
    assert made.left_out > 0
    assert len(made.routes) + made.left_out == len(everything)
    assert {(n, n + 1) for n in range(119)} <= {route.edge for route in made.routes}, "the short ones are kept"


# what is drawn


def boxes(made: Plan) -> dict[str, tuple[str, str, str]]:
    return {box.title: (box.does, box.to, box.known) for box in draw("a:b", made, assessed(made)).boxes}


def with_steps(*steps: Step) -> Plan:
    return plan().model_copy(update={"steps": steps, "edges": (), "findings": ()})


def test_a_box_says_what_its_step_does_or_that_nobody_knows() -> None:
    effects = tuple(
        Effect(action=action, provider="postgres", resource="dataset://a") for action in ("data:delete", "data:read")
    )
    made = with_steps(
        step("purge#1", action="data:delete", provider="postgres", resource="dataset://a", effects=effects),
        step("load#1", action="data:read", provider="duckdb", resource="pg://app:gnomon@db/x", declared=True),
        step("blind#2", unseen=("acme.push",)),
        step("silent#1"),
        step("unresolved#1", kind=StepKind.UNRESOLVED, reason="the name is computed"),
        step("sub#1", kind=StepKind.SUBFLOW),
        step("etl", kind=StepKind.BODY, action="flow:execute"),
    )
    assert boxes(made) == {
        "purge": ("data:delete postgres +1", "dataset://a", "yes"),
        "load": ("data:read duckdb", "pg://app:***@db/x", "yes"),
        "blind#2": ("calls what is not known", "acme.push", "no"),
        "silent": ("nothing found", "", "no"),
        "unresolved": ("could not be read", "the name is computed", "unread"),
        "sub": ("runs a flow", "", "yes"),
    }, "the body that only calls tasks is the panel itself"


def test_the_riskiest_steps_are_drawn_and_the_rest_is_counted() -> None:
    steps = [step(f"s#{n}") for n in range(30)]
    steps[25] = step("s#25", action="data:delete", provider="postgres", resource="dataset://a")
    made = with_steps(*steps)
    picture_ = draw("a:b", made, assessed(made), most=10)
    assert [box.tier for box in picture_.boxes].count(3) == 1
    assert len(picture_.boxes) == 10
    assert picture_.omission() == "20 more steps are not drawn: 20 of tier 0"
    for format_ in (plans_svg([picture_], "t"), plans_dot([picture_], "t"), plans_mermaid([picture_])):
        assert "20 more steps are not drawn" in format_


# SVG


def test_an_svg_is_one_accessible_picture() -> None:
    root = ET.fromstring(drawn(plan()))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    named = [root.find(f"*[@id='{id_}']") for id_ in (root.get("aria-labelledby") or "").split()]
    assert [found.tag if found is not None else None for found in named] == [f"{SVG}title", f"{SVG}desc"]
    tags = {found.tag.removeprefix(SVG) for found in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g"}
    assert "url(" not in drawn(plan()).replace("url(#govflow-tip)", ""), "nothing comes from elsewhere"


def test_ordering_is_dashed_and_many_has_two_borders() -> None:
    many = plan().model_copy(
        update={
            "steps": tuple(
                one.model_copy(update={"multiplicity": Multiplicity.MANY}) if one.step_id == "load#1" else one
                for one in plan().steps
            )
        }
    )

    def curves(made: Plan) -> list[str | None]:
        groups = ET.fromstring(drawn(made)).findall(f"{SVG}g")
        return [found.get("stroke-dasharray") for group in groups for found in group.findall(f"{SVG}path")]

    def rects(made: Plan, title: str) -> int:
        for group in ET.fromstring(drawn(made)).iter(f"{SVG}g"):
            said = group.find(f"{SVG}title")
            if said is not None and (said.text or "").startswith(title):
                return len(group.findall(f"{SVG}rect"))
        return 0

    assert sorted(curves(plan()), key=str) == ["5 4", None]
    assert (rects(plan(), "load#1"), rects(many, "load#1")) == (2, 3)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_stays_text(hostile: str) -> None:
    made = hostile_plan(hostile)
    svg = drawn(made, hostile)
    harmless = ET.fromstring(drawn(plan()))
    assert [found.tag for found in ET.fromstring(svg).iter()].count(f"{SVG}text") >= 1
    assert {found.tag for found in ET.fromstring(svg).iter()} <= {found.tag for found in harmless.iter()}
    attributes = {name for found in ET.fromstring(svg).iter() for name in found.attrib}
    assert attributes <= {name for found in harmless.iter() for name in found.attrib} | {"stroke-dasharray"}


@given(st.text())
def test_any_text_gives_xml(said: str) -> None:
    assert ET.fromstring(element("a", {"b": said}, text(said))).tag == "a"


def test_of_a_thousand_steps_some_are_drawn_and_the_others_counted() -> None:
    made = chain(1000, wide=7)
    judged = assessed(made)
    shown = picture("svg", [("etl.py:etl", made, judged)], "big")
    assert "800 more steps are not drawn" in shown


def test_many_flows_are_bounded_and_the_riskiest_come_first() -> None:
    calm, risky = chain(2), with_steps(step("purge#1", action="data:delete", provider="postgres", resource="x"))
    flows = [(f"f{n:03}.py:etl", calm, assessed(calm)) for n in range(MOST_FLOWS + 20)]
    shown = picture("svg", [*flows, ("z.py:etl", risky, assessed(risky))], "all")
    assert "; 21 flows of them are not drawn" in shown
    assert shown.index(">z.py:etl<") < shown.index(">f000.py:etl<")


def test_only_steps_of_a_tier_are_drawn() -> None:
    shown = picture("svg", [("etl.py:etl", plan(), assessed(plan()))], "high", lowest=Tier.HIGH)
    assert ">purge<" in shown
    assert ">load<" not in shown


def test_a_plan_without_steps_is_a_picture_too() -> None:
    empty = with_steps(step("etl", kind=StepKind.BODY, action="flow:execute"))
    for format_ in ("svg", "dot", "mermaid"):
        assert picture(format_, [("etl.py:etl", empty, assessed(empty))], "empty")
    assert ET.fromstring(picture("svg", [], "nothing")) is not None


# Graphviz

STRING = r'"(?:[^"\\]|\\.)*"'
WORD = r"[A-Za-z0-9_#]+"
ATTRIBUTE = rf"\w+=(?:{STRING}|{WORD}|[0-9.]+)"
DOT = re.compile(
    rf"^(?:\}}|digraph govflow \{{|subgraph cluster_\d+ \{{|(?:graph|node|edge) \[{ATTRIBUTE}(?:, {ATTRIBUTE})*\];"
    rf"|label={STRING}; color={STRING};|f\d+(?:s\d+)? \[{ATTRIBUTE}(?:, {ATTRIBUTE})*\];"
    r"|f\d+s\d+ -> f\d+s\d+(?: \[style=dashed\])?;)$"
)


@pytest.mark.parametrize("hostile", ["plain", *HOSTILE, '\\"];x [URL="javascript:1"', "\\", '"', "\\N\\l\\n"])
def test_dot_is_statements_of_ours_whatever_names_say(hostile: str) -> None:
    made = hostile_plan(hostile)
    for line in plans_dot([draw(hostile, made, assessed(made))], hostile).splitlines():
        assert DOT.match(line.strip()), line


def test_dot_tells_order_and_many_apart() -> None:
    shown = plans_dot([draw("a:b", plan(), assessed(plan()))], "t")
    assert "f0s0 -> f0s1 [style=dashed];" in shown
    assert "f0s1 -> f0s2;" in shown
    many = with_steps(step("load#1", multiplicity=Multiplicity.MANY))
    assert "peripheries=2" in plans_dot([draw("a:b", many, assessed(many))], "t")


# Mermaid


@pytest.mark.parametrize("hostile", HOSTILE)
def test_mermaid_labels_hold_what_they_should(hostile: str) -> None:
    made = hostile_plan(hostile)
    shown = plans_mermaid([draw(hostile, made, assessed(made))])
    for line in shown.splitlines()[1:-4]:
        labels = re.findall(r'"([^"]*)"', line)
        assert line.count('"') == 2 * len(labels)
        assert all(re.fullmatch(r"(?:[^`<>\[\]{}()|]|<br/>)*", said) for said in labels), line


def test_mermaid_draws_every_flow_in_a_subgraph() -> None:
    shown = plans_mermaid([draw(f"{name}.py:etl", plan(), assessed(plan())) for name in "ab"])
    assert shown.startswith("flowchart LR\n")
    assert shown.count("  subgraph ") == shown.count("  end\n") == 2
    assert "f1s0 -.-> f1s1" in shown


UNREAD = plan().model_copy(
    update={
        "steps": (step("dir:a#1"), step("unresolved#1", kind=StepKind.UNRESOLVED, reason="the name is computed")),
        "edges": (),
        "findings": (),
    }
)


def test_a_call_that_may_run_anything_is_not_drawn_as_harmless() -> None:
    drawing = draw("etl.py:etl", UNREAD, assessed(UNREAD))
    assert drawing.tier == 0, "nothing else is of a higher tier"
    dot, mermaid, svg = plans_dot([drawing], "x"), plans_mermaid([drawing]), plans_svg([drawing], "x")
    (line,) = [line for line in dot.splitlines() if "[?] unresolved" in line]
    assert "dashed" in line
    assert "#2e7d32" not in line
    assert "tier 0" not in line
    (line,) = [line for line in mermaid.splitlines() if "? unresolved" in line]
    assert line.endswith(":::unread")
    assert "classDef unread" in mermaid
    texts = [one.text for one in ET.fromstring(svg).iter(f"{SVG}text")]
    assert "? unresolved" in texts
    assert "tier unknown" in texts
    tip = next(one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}title") if "computed" in (one.text or ""))
    assert "may run anything" in tip
    assert "minimal" not in tip
    assert "1 call that may run anything" in svg, "said to those who cannot see"


def test_calls_that_may_run_anything_are_drawn_before_the_harmless() -> None:
    drawing = draw("etl.py:etl", UNREAD, assessed(UNREAD), most=1)
    assert [box.mark for box in drawing.boxes] == ["?"]
    none = draw("etl.py:etl", UNREAD, assessed(UNREAD), most=0)
    assert none.omission() == "2 more steps are not drawn: 1 of tier 0, 1 that may run anything"


def test_a_plan_shows_no_tier_of_a_call_that_may_run_anything() -> None:
    judged = assessed(UNREAD)
    text_, page = plan_text("etl.py:etl", UNREAD, judged), plan_markdown("etl.py:etl", UNREAD, judged)
    assert "0 minimal, and 1 call that may run anything" in text_
    assert re.search(r"^ *unresolved#1 +\? ", text_, re.MULTILINE)
    assert "| `unresolved#1` | ? |" in page
    assert ":::unread" in page
    (row,) = [row for row in plan_json("etl.py:etl", UNREAD, judged)["steps"] if row["kind"] == "unresolved"]
    assert row["tier"] == 0, "what programs read stays a number"
