"""Plans as graphs."""

from __future__ import annotations

from govflow.ir.graph import cycle, graph
from govflow.ir.hashing import step_hash
from govflow.ir.models import Edge, EdgeKind
from tests.ir import plans


def test_a_graph_has_every_step_and_every_kind_of_edge() -> None:
    made = plans.etl()
    both = made.model_copy(
        update={"edges": (*made.edges, Edge(source="load#1", target="clean#1", kind=EdgeKind.ORDER))}
    )
    drawn = graph(both)
    assert {name: data["step_hash"] for name, data in drawn.nodes.items()} == {
        step.step_id: step_hash(step) for step in made.steps
    }
    assert drawn.edges["load#1", "clean#1"]["kinds"] == {"data", "order"}
    assert drawn.edges["clean#1", "purge#1"]["kinds"] == {"data"}


def test_a_cycle_is_named_in_order() -> None:
    steps = [plans.step(name) for name in ("a", "b", "c", "d")]
    assert cycle(plans.plan(*steps, edges=(("a", "b"), ("b", "c")))) == ()
    found = cycle(plans.plan(*steps, edges=(("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"))))
    assert sorted(found) == ["b", "c"]
    assert cycle(plans.plan(steps[0], edges=(("a", "a"),))) == ("a",)


def test_a_graph_of_some_steps_has_the_edges_that_lead_to_them() -> None:
    steps = [plans.step(name) for name in ("a", "b", "c", "d")]
    made = plans.plan(*steps, edges=(("a", "b"), ("b", "c"), ("c", "d")))
    drawn = graph(made, into={"c"})
    assert set(drawn.edges) == {("b", "c")}
    assert set(drawn.nodes) == {"b", "c"}
