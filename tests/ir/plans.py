"""Plans to test with: a handful written out, and a strategy for any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from govflow.ir.canonical import digest
from govflow.ir.models import (
    IR,
    CallSite,
    Edge,
    EdgeKind,
    Finding,
    FlowParameter,
    Multiplicity,
    Plan,
    Step,
    StepKind,
    Tier,
)


def code(text: str) -> str:
    return digest(text.encode())


def step(step_id: str, **changes: Any) -> Step:
    given: dict[str, Any] = {
        "step_id": step_id,
        "kind": StepKind.TASK,
        "callee": step_id.partition("#")[0],
        "resource": f"task://etl/{step_id.partition('#')[0]}",
        "code": code(step_id.partition("#")[0]),
    }
    return Step(**(given | changes))


def plan(*steps: Step, edges: tuple[tuple[str, str], ...] = (), **changes: Any) -> Plan:
    given: dict[str, Any] = {"flow": "etl", "file": "etl.py", "function": "etl"}
    made = tuple(Edge(source=source, target=target) for source, target in edges)
    return Plan(**(given | {"edges": made} | changes), steps=steps)


def etl() -> Plan:
    """Load, clean, delete: every field is used somewhere."""
    return plan(
        step("etl", kind=StepKind.BODY, resource="flow://etl/etl"),
        step("load#1", action="data:read", provider="duckdb", resource="dataset://acme/flights", retries=2),
        step("clean#1", parameters=("rows", "limit"), constants={"limit": 5, "rate": 0.25}),
        step(
            "purge#1",
            action="data:delete",
            provider="duckdb",
            resource="warehouse://flights/{day}",
            tier=Tier.HIGH,
            approval="two-people",
            records="{count}",
            multiplicity=Multiplicity.OPTIONAL,
            sites=(CallSite(file="etl.py", function="etl", line=9, column=4, end_line=9, end_column=20),),
        ),
        step("getattr#1", kind=StepKind.UNRESOLVED, reason="the callee is computed", multiplicity=Multiplicity.MANY),
        edges=(("load#1", "clean#1"), ("clean#1", "purge#1")),
        retries=1,
        parameters=(FlowParameter(name="day", annotation="str"), FlowParameter(name="n", required=False, default="3")),
        findings=(Finding(code="unresolved", message="getattr", file="etl.py", line=12),),
    )


def ir(**changes: Any) -> IR:
    given: dict[str, Any] = {
        "tenant": "acme",
        "environment": "production",
        "policy_digest": code("policy"),
        "plan": etl(),
        "parameters": {"day": "2013-01-01", "n": 3},
        "request_id": "req-1",
        "idempotency_key": "run-1",
    }
    return IR(**(given | changes))


GOLDEN_PLANS = {
    "etl": etl(),
    "empty": plan(),
    "one step": plan(step("a#1")),
    "order edge": Plan(
        flow="naïve ✈",
        file="etl.py",
        function="etl",
        steps=(step("a#1"), step("b#1")),
        edges=(Edge(source="a#1", target="b#1", kind=EdgeKind.ORDER),),
    ),
    "astral constants": plan(step("a#1", constants={"\U0001f602": 1e21, "\ufb33": [True, None, -0.0, 1e-7]})),
}

_ids = st.sampled_from([f"{name}#{n}" for name in "abcd" for n in (1, 2)])
_constants = st.dictionaries(
    st.sampled_from(["x", "y"]), st.sampled_from([1, True, 1.0, "1", None, [1], [True], {"z": 1}, {}]), max_size=2
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Small plans over few names, so that ids and hashes meet often."""
    ids = draw(st.lists(_ids, unique=True, max_size=6))
    steps = [
        step(
            name,
            callee="same",
            resource="task://same",
            code=code(draw(st.sampled_from(["v1", "v2"]))),
            action=draw(st.sampled_from(["task:execute", "data:delete"])),
            constants=draw(_constants),
        )
        for name in ids
    ]
    edges = (
        draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids), st.sampled_from(EdgeKind)), max_size=6))
        if ids
        else []
    )
    parameters = draw(st.lists(st.sampled_from(["p", "q"]), unique=True))
    return Plan(
        flow="etl",
        file="etl.py",
        function="etl",
        retries=draw(st.sampled_from([0, 1])),
        parameters=tuple(FlowParameter(name=name) for name in parameters),
        steps=tuple(steps),
        edges=tuple(Edge(source=a, target=b, kind=kind) for a, b, kind in edges),
    )


def wide(size: int) -> Plan:
    """A plan of ``size`` steps, each after the one before."""
    return plan(
        *(step(f"work#{n}", constants={"n": n}) for n in range(size)),
        edges=tuple((f"work#{n}", f"work#{n + 1}") for n in range(size - 1)),
    )
