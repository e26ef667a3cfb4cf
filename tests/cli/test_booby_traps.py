"""A repository that would run code at every touch: none of it runs, and none of it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import govflow
from tests.cli.conftest import files

TRAP = "import os, pathlib; pathlib.Path(os.environ['MARKER']).open('a').write({!r} + chr(10))\n"

FLOW = """
{trap}
from prefect import flow, task
from evil import decorate, load
import package.evil
from package import *
import settings_module

open(os.environ['MARKER'], 'a').write('top level')
__import__('evil').spring('dunder import')

class Meta(type):
    def __new__(mcls, *given):
        decorate('metaclass')
        return super().__new__(mcls, *given)

class Thing(metaclass=Meta):
    value = decorate('class body')

    def __init_subclass__(cls):
        decorate('subclass')

class Other(Thing): ...

@decorate('decorator')
@task(cache_key_fn=lambda *a: decorate('cache key'))
def work(x=decorate('default'), *, y: decorate('annotation') = 1):
    exec("decorate('exec')")
    return eval("decorate('eval')")

@flow(name=decorate('option'), on_failure=[decorate('hook')])
def main(n: int = decorate('flow default')):
    for item in load():
        work(item)
    os.system('echo shell >> $MARKER')
    return f"{{decorate('f-string')}}"

if __name__ == "__main__":
    main()
"""

EVIL = """
{trap}
def spring(*a): open(os.environ['MARKER'], 'a').write(str(a))
def decorate(*a):
    spring(*a)
    return lambda fn: fn
def load(): return [1, 2]
def __getattr__(name): spring(name)
"""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A git repository with a trap in everything that some tool would run."""
    root = tmp_path / "trapped"
    contents = {
        "flows/etl.py": FLOW.format(trap=TRAP.format("flow module")),
        "flows/evil.py": EVIL.format(trap=TRAP.format("evil module")),
        "evil.py": EVIL.format(trap=TRAP.format("evil module above")),
        "flows/package/__init__.py": TRAP.format("package"),
        "flows/package/evil.py": TRAP.format("package module"),
        "flows/settings_module.py": TRAP.format("settings module"),
        "flows/prefect.py": TRAP.format("a module that calls itself prefect"),
        "flows/govflow.py": TRAP.format("a module that calls itself govflow"),
        "flows/yaml.py": TRAP.format("a module that calls itself yaml"),
        "flows/networkx.py": TRAP.format("a module that calls itself networkx"),
        "conftest.py": TRAP.format("conftest"),
        "setup.py": TRAP.format("setup"),
        "sitecustomize.py": TRAP.format("sitecustomize"),
        "usercustomize.py": TRAP.format("usercustomize"),
        "trap.pth": TRAP.format("pth").replace("\n", ""),
        "prefect.yaml": "!!python/object/apply:os.system ['echo prefect.yaml >> $MARKER']\n",
        "policy.yaml": "!!python/object/apply:os.system ['echo policy.yaml >> $MARKER']\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n',
        ".env": "GOVFLOW_DEBUG=$(echo env >> $MARKER)\n",
        ".gitattributes": "*.py filter=evil diff=evil\n",
    }
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    changed = contents["flows/etl.py"].replace("        work(item)\n", "        work(item)\n        work(item)\n")
    (root / "flows" / "etl.py").write_text(changed)
    return root


WATCHED = """
import json, os, sys
from govflow.cli.app import main
code = main(sys.argv[1:])
sys.stdout.flush()
inside = [name for name, module in list(sys.modules.items())
          if str(getattr(module, '__file__', None) or '').startswith(os.environ['TRAPPED'])]
print(json.dumps({"code": code, "inside": inside}), file=sys.stderr)
"""

COMMANDS = {
    "scan": ["scan", "."],
    "scan as a picture": ["scan", ".", "--format", "svg"],
    "scan for a policy": ["scan", ".", "--suggest-policy"],
    "plan": ["plan", "flows/etl.py"],
    "check": ["check", "flows"],
    "diff": ["diff", "HEAD..", "flows"],
    "lock": ["lock", "flows/etl.py"],
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_nothing_of_a_repository_is_run_or_imported(trapped: Path, tmp_path: Path, command: str) -> None:
    marker = tmp_path / "marker"
    before = files(trapped)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(govflow.__file__).parents[1]),
        "MARKER": str(marker),
        "TRAPPED": str(trapped.resolve()),
        "HOME": str(tmp_path / "home"),
        "GOVFLOW_DATABASE_URL": f"sqlite:///{tmp_path}/gov.db",
    }
    watching = tmp_path / "watching.py"  # -c would put the working folder on the path, which is not ours to prevent
    watching.write_text(WATCHED)
    done = subprocess.run(
        [sys.executable, str(watching), *COMMANDS[command]],
        cwd=trapped,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stderr.splitlines()[-1])
    assert not marker.exists(), marker.read_text()
    assert told["inside"] == []
    assert told["code"] in (0, 1), done.stderr
    assert "etl" in done.stdout or "main" in done.stdout, "it did read the flow"
    if command != "lock":
        assert files(trapped) == before


def test_the_traps_work(trapped: Path, tmp_path: Path) -> None:
    """Whoever imports it, springs them: the marker of the other test can appear."""
    marker = tmp_path / "marker"
    subprocess.run(
        [sys.executable, "-c", "import evil"],
        cwd=trapped,
        env={**os.environ, "MARKER": str(marker), "PYTHONPATH": str(trapped)},
        capture_output=True,
        check=False,
    )
    assert "evil module above" in marker.read_text()
