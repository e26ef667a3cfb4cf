"""What tasks and outside code give, and call sites that are come to in very many ways."""

from __future__ import annotations

import pytest

from govflow.ir.models import Plan
from tests.planning.effects.doing import plan_of, task_doing, told, work


def test_result_of_a_task_keeps_its_class() -> None:
    source = """
    import requests
    from prefect import flow, task

    class Store:
        def clear(self):
            requests.delete("https://h/b")

    @task
    def session():
        return requests.Session()

    @task
    def store():
        return Store()

    @task
    def work(s, t):
        s.delete("https://h/a")
        t.clear()

    @flow
    def main():
        work(session(), store())
    """
    assert told(work(plan_of(source))) == ["http:delete http https://h/a", "http:delete http https://h/b"]


@pytest.mark.parametrize("name", ["remove", "update", "clear", "insert", "replace", "pop"])
def test_method_that_lists_have_too_is_unseen_on_an_object_of_outside_code(name: str) -> None:
    step = work(task_doing(f"acme.Client().{name}(x)\ny.{name}(x)\n[x].{name}(x)", head="import acme\n"))
    assert step.unseen == ("acme.Client", f"acme.Client().{name}")


def _deep(helper: str, first: str, depth: int) -> Plan:
    helpers = "\n".join(helper.format(i=i, j=i - 1) for i in range(1, depth))
    return plan_of(f"from prefect import flow, task\n{first}\n{helpers}\n\n@flow\ndef main(p):\n    f{depth - 1}(p)\n")


def test_call_that_is_nested_too_deeply_is_one_step() -> None:
    plan = _deep("def f{i}(p):\n    f{j}(p)\n    f{j}(p + 'i')", "def f0(p):\n    p()", 60)
    reasons = [step.reason or "" for step in plan.steps]
    sites = [step.sites[-1] for step in plan.steps if "too deeply" in (step.reason or "")]
    assert any("too deeply" in reason for reason in reasons)
    assert len(sites) == len(set(sites))
    assert len(plan.steps) < 100


def test_call_that_cannot_be_read_is_few_steps_by_however_many_ways() -> None:
    plan = _deep("def f{i}(p):\n    f{j}(p)\n    f{j}(p)", "def f0(p):\n    p()", 12)
    assert len(plan.steps) == 1 + 64
