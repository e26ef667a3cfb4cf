"""What somebody may try, or what goes wrong by itself, beside the pause."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govflow.approval.models import RequestState
from govflow.errors import ApprovalDenied, Denied, Refused, SettingsError, Unbound, Unplanned
from govflow.store import Store
from tests.prefect.conftest import POLICY, Home
from tests.prefect.one_text import same_everywhere
from tests.prefect.people import Background, pending, vote

HEAD = """
import asyncio
import importlib
import sys
import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from govflow.prefect import flow, task

RAN = []

@task(action="data:delete", resource="table://rows")
def purge(rows):
    RAN.append(rows)
    return rows
"""


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    home.configure(policy=POLICY, mode="enforce")
    with home.store() as store:
        yield store


def test_a_retry_with_other_parameters_asks_again(home: Home, store: Store) -> None:
    module = home.load(
        HEAD
        + """
@task(action="data:delete", resource="table://rows", retries=1)
def grow(ids):
    RAN.append(list(ids))
    ids.extend([7, 8])
    raise RuntimeError("connection lost")

@flow
def f():
    return grow([1])
"""
    )
    run = Background(module.f)
    (first,) = pending(store)
    vote(store, first, "bob")
    (second,) = pending(store)
    assert second.summary["parameters"] == {"ids": [1, 7, 8]}
    assert "parameters" in second.reason
    vote(store, second, "bob", "deny")
    with pytest.raises(ApprovalDenied):
        run.join()
    assert module.RAN == [[1]]


def test_parameters_that_change_while_people_decide_are_not_the_approved_ones(
    home: Home, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    module = home.load(HEAD + "\n@flow\ndef f(rows):\n    return purge.submit(KEPT).result()\n\nKEPT = [1]\n")
    run = Background(module.f, [])
    (request,) = pending(store)
    assert request.summary["parameters"] == {"rows": [1]}
    module.KEPT.append(666)
    vote(store, request, "bob")
    with pytest.raises(Refused, match="changed while it waited") as caught:
        run.join()
    assert module.RAN == []
    assert store.approvals.get(request.request_id).state is RequestState.VOIDED
    same_everywhere(request.binding.run_id, caught.value, capsys)


def test_the_function_of_a_task_in_a_plain_thread_is_stopped(home: Home, store: Store) -> None:
    module = home.load(
        HEAD
        + """
@task
def spread():
    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(getattr(purge, "fn"), [1, 2]))

@flow
def f():
    return spread()
"""
    )
    with pytest.raises(Unplanned):
        module.f()
    assert module.RAN == []


def test_hooks_are_steps_and_what_they_call_is_governed(home: Home, store: Store) -> None:
    module = home.load(
        HEAD
        + """
TOLD = []

def told(fl, run, state):
    TOLD.append(state.name)

def sneaky(fl, run, state):
    getattr(purge, "fn")("hook")

@flow(on_completion=[told, sneaky])
def f():
    return 1

@f.on_failure
def failed(fl, run, state):
    TOLD.append("failed")
"""
    )
    assert module.f() == 1
    assert module.TOLD == ["Completed"]
    assert module.RAN == []
    events = [(e["event"], e["step_id"]) for e in home.events() if "told" in str(e.get("step_id"))]
    assert [event for event, _ in events] == ["step.intent", "step.outcome"]


def test_a_file_that_changed_after_the_import_is_stopped(home: Home, store: Store) -> None:
    source = HEAD + '\nTABLE = "safe"\n\n@task\ndef show():\n    return TABLE\n\n@flow\ndef f():\n    return show()\n'
    module = home.load(source.replace('"safe"', '"EVIL"'))
    home.write("project_flow.py", source)  # same columns: no code object tells the two apart
    with pytest.raises(Unbound, match="changed after it was imported"):
        module.f()


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_ordinary_code_is_not_stopped(home: Home, mode: str) -> None:
    home.configure(policy=POLICY, mode=mode)
    module = home.load(
        HEAD
        + """
def timed(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)
    return wrapper

def add(a, b):
    return a + b

class Twice:
    def __call__(self, x):
        return 2 * x

part = task(functools.partial(add, b=10), name="part")
twice = task(Twice(), name="twice")

@task
@timed
def wrapped(x):
    return x + 1

@task
def safe(x):
    return x

@task
def outer(x):
    return safe(x)

@flow
@timed
def inner(x):
    return safe(x)

@flow
def f():
    return [wrapped(1), outer.submit(1).result(), outer(2), inner(3), [safe, wrapped][1](4)]

@flow
def g():
    return [part(1), twice(2)]

@flow
def handed():
    return list(map(safe, [1, 2])) + sorted([3, 1, 2], key=safe)

@flow
async def loop():
    return await asyncio.to_thread(safe, 5)
"""
    )
    assert module.f() == [2, 1, 2, 3, 5]
    assert module.handed() == [1, 2, 1, 2, 3]
    assert asyncio.run(module.loop()) == 5
    if mode == "observe":
        assert module.g() == [11, 4]


NO_BULK = """\
    - name: no-bulk
      effect: deny
      actions: ["data:*"]
      conditions: {step.records: {gt: 100}}
      priority: 1
"""
MANY = POLICY.replace("  rules:\n", "  rules:\n" + NO_BULK)


@pytest.mark.covers("S5-20")
@pytest.mark.parametrize("flow", ["listed", "piped", "iterated"])
def test_the_size_of_a_map_is_counted_when_it_runs(home: Home, flow: str) -> None:
    home.configure(policy=MANY, mode="enforce")
    module = home.load(
        HEAD
        + """
@task(action="data:load", resource="table://rows")
def write(x):
    RAN.append(x)

@task
def ids(n):
    return list(range(n))

@flow
def listed(n):
    write.map(list(range(n))).result()

@flow
def piped(n):
    write.map(ids.submit(n)).result()

@flow
def iterated(n):
    write.map(iter(range(n))).result()
"""
    )
    getattr(module, flow)(100)
    assert len(module.RAN) == 100
    module.RAN.clear()
    with pytest.raises(Denied, match="no-bulk"):
        getattr(module, flow)(101)
    assert module.RAN == []


def test_a_flow_whose_settings_were_not_found_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("policy.yaml", POLICY)
    home.write("pyproject.toml", '[tool.govflow]\npolicy = "policy.yaml"\n')
    elsewhere = home.path / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)  # a repository of its own: the search for settings ends there
    module = home.load(HEAD + "\n@flow\ndef f():\n    return purge(1)\n")
    monkeypatch.chdir(elsewhere)
    home.configure()
    with pytest.raises(SettingsError, match=r"pyproject\.toml"):
        module.f()
    assert module.RAN == []


LIBRARY = "LIMIT = 10\n\ndef clean(rows):\n    return [row for row in rows if row < LIMIT]\n"
IMPORTING = {
    "from": "from shelf.library import clean",
    "module": "import shelf.library\n\ndef clean(rows):\n    return shelf.library.clean(rows)",
    "aliased": "import shelf.library as lib\n\ndef clean(rows):\n    return lib.clean(rows)",
    "submodule": "from shelf import library\n\ndef clean(rows):\n    return library.clean(rows)",
}


@pytest.fixture
def elsewhere(home: Home, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a copy of the repository's package, which stands on the path before the repository does."""
    folder = tmp_path_factory.mktemp("installed")
    for place in (home.path, folder):
        (place / "shelf").mkdir()
        (place / "shelf" / "__init__.py").write_text("")
        (place / "shelf" / "library.py").write_text(LIBRARY)
        monkeypatch.syspath_prepend(place)
    importlib.invalidate_caches()
    yield folder / "shelf" / "library.py"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shelf"]:
        del sys.modules[name]


@pytest.mark.parametrize("how", list(IMPORTING))
@pytest.mark.parametrize("change", ["row < LIMIT", "LIMIT = 10"])
def test_a_module_that_stands_before_the_planned_one_on_the_path_is_stopped(
    home: Home, store: Store, elsewhere: Path, how: str, change: str
) -> None:
    elsewhere.write_text(LIBRARY.replace(change, {"row < LIMIT": "row < 666", "LIMIT = 10": "LIMIT = 99"}[change]))
    module = home.load(
        HEAD + IMPORTING[how] + "\n\n@task\ndef t():\n    RAN.append(clean([50]))\n\n@flow\ndef f():\n    t()\n"
    )
    with pytest.raises(Unbound, match="in memory is not"):
        module.f()
    assert module.RAN == []


@pytest.mark.parametrize("how", list(IMPORTING))
def test_a_copy_that_is_installed_and_says_the_same_runs(home: Home, store: Store, elsewhere: Path, how: str) -> None:
    elsewhere.write_text("# a copy\n" + LIBRARY)
    module = home.load(
        HEAD + IMPORTING[how] + "\n\n@task\ndef t():\n    RAN.append(clean([5]))\n\n@flow\ndef f():\n    t()\n"
    )
    module.f()
    assert module.RAN == [[5]]
    assert sys.modules["shelf.library"].__file__ == str(elsewhere)


def test_a_helper_of_a_module_in_a_package_is_compared_in_memory(home: Home, store: Store, elsewhere: Path) -> None:
    source = IMPORTING["module"] + "\n\n@task\ndef t():\n    RAN.append(clean([5]))\n\n@flow\ndef f():\n    t()\n"
    module = home.load(HEAD + source)
    module.f()
    module.shelf.library.clean = lambda rows: "evil"
    with pytest.raises(Unbound):
        module.f()
    assert module.RAN == [[5]]
