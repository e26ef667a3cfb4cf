"""What the engine calls around a body: run names, cache keys, retry conditions. Each is a step, judged and recorded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from govflow.errors import Denied
from tests.prefect.conftest import POLICY, Home

HEAD = """
import shutil
from pathlib import Path
from prefect.cache_policies import CachePolicy
from prefect.tasks import task_input_hash
from {origin} import flow, task

def wrote(name):
    with open(Path(__file__).with_suffix(".out"), "a") as out:
        out.write(name + "\\n")

def wipes(*args, **kwargs):
    wrote("wiped")
    shutil.rmtree("/nonexistent/data", ignore_errors=True)
    return "a name"

def named():
    wrote("named")
    return "a name"

def named_by(parameters):
    wrote("named by " + str(parameters["x"]))
    return "a name"

def keyed(context, parameters):
    wrote("keyed")
    return None

def again(task, run, state):
    wrote("again")
    return True

async def again_slowly(task, run, state):
    wrote("again slowly")
    return False
"""
DENY = """\
version: 1
policy:
  name: test
  rules:
    - {name: no-delete, effect: deny, actions: ["file:delete"]}
    - {name: the-rest, effect: allow, actions: ["*"]}
"""
PERMISSIVE = """\
version: 1
policy:
  name: test
  rules:
    - {name: everything, effect: allow, actions: ["*"]}
"""
RISKY = {
    "cache_key_fn": "@task(cache_key_fn=wipes)\ndef t(x):\n    wrote('body')\n",
    "task_run_name": "@task(task_run_name=wipes)\ndef t(x):\n    wrote('body')\n",
    "retry_condition_fn": "@task(retries=1, retry_condition_fn=wipes)\ndef t(x):\n    raise ValueError('on purpose')\n",
    "flow_run_name": "@task\ndef t(x):\n    wrote('body')\n",
}
GOOD = """
@task(cache_key_fn=keyed, task_run_name=named_by)
def kept(x):
    return x

@task(cache_key_fn=task_input_hash, retries=1, retry_condition_fn=again)
def tries(x):
    raise ValueError("on purpose")

@task(retries=1, retry_condition_fn=again_slowly, task_run_name=named)
async def atries(x):
    raise ValueError("on purpose")

@task(cache_policy=CachePolicy.from_cache_key_fn(keyed))
def other(x):
    return x

@flow(flow_run_name=named)
def child():
    return kept(3)

@flow(flow_run_name=named)
def f():
    kept.submit(1).wait()
    kept.map([1, 2]).wait()
    tries(1, return_state=True)
    atries.submit(1).wait()
    other(1)
    child()
"""


def _written(module: Any) -> list[str]:
    out = Path(module.__file__).with_suffix(".out")
    return out.read_text().split("\n")[:-1] if out.exists() else []


def _load(home: Home, origin: str, text: str, name: str = "project_flow") -> Any:
    return home.load(HEAD.replace("{origin}", origin) + text, name)


@pytest.mark.parametrize("policy", [DENY, POLICY], ids=["denied", "asked-about"])
@pytest.mark.parametrize("what", list(RISKY))
def test_what_policy_does_not_let_is_not_called_around_a_body(home: Home, what: str, policy: str) -> None:
    home.configure(policy=policy, mode="enforce")
    option = "(flow_run_name=wipes)" if what == "flow_run_name" else ""
    module = _load(home, "govflow.prefect", RISKY[what] + f"\n@flow{option}\ndef f():\n    return t(1)\n")
    with suppress(Denied, ValueError):
        module.f()
    assert "wiped" not in _written(module)
    (refused,) = [event for event in home.events() if event["event"] == "step.refused"]
    assert f"@{what}/wipes" in refused["step_id"]


def test_observing_calls_them_and_says_what_it_would_have_stopped(home: Home) -> None:
    home.configure(policy=DENY, mode="observe")
    module = _load(home, "govflow.prefect", RISKY["task_run_name"] + "\n@flow\ndef f():\n    return t(1)\n")
    module.f()
    assert _written(module) == ["wiped", "body"]
    (refused,) = [event for event in home.events() if event["event"] == "step.refused"]
    assert refused["payload"]["stopped"] is False


def test_the_engine_calls_them_as_often_as_in_a_bare_flow_and_each_is_on_record(home: Home) -> None:
    home.configure(policy=PERMISSIVE, mode="enforce")
    bare = _load(home, "prefect", GOOD, "bare_flow")
    bare.f()
    governed = _load(home, "govflow.prefect", GOOD)
    governed.f()
    assert sorted(_written(governed)) == sorted(_written(bare))
    recorded = [e["step_id"] for e in home.events() if e["event"] == "step.outcome" and "@" in e["step_id"]]
    assert len(recorded) == len(_written(governed)) - 1 + 2, "all but the key of a policy; and task_input_hash twice"
    assert governed.kept.cache_key_fn is governed.keyed, "the task itself stays as it was made"
    assert governed.kept.task_run_name is governed.named_by
    assert not [event for event in home.events() if event["event"] == "step.refused"]


def test_a_task_that_no_flow_calls_is_asked_about_them_too(home: Home) -> None:
    home.configure(policy=DENY, mode="enforce")
    module = _load(home, "govflow.prefect", RISKY["task_run_name"])
    with pytest.raises(Denied):
        module.t(1)
    assert _written(module) == []


def test_they_travel_to_other_processes_with_their_guards(
    home: Home, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.configure(policy=DENY, mode="enforce")
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.syspath_prepend(home.path)
    module = _load(
        home,
        "govflow.prefect",
        """
from prefect.task_runners import ProcessPoolTaskRunner

@task(cache_key_fn=keyed, task_run_name=named_by, retries=1, retry_condition_fn=again_slowly)
async def good(x):
    raise ValueError("on purpose")

@task(cache_key_fn=wipes)
def bad(x):
    wrote("body")

@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def f():
    good.submit(1).wait()
    bad.submit(2).wait()
""",
    )
    module.f()
    assert sorted(_written(module)) == ["again slowly", "body", "keyed", "named by 1"]
