"""``govflow run`` and ``govflow exec``, and how govflow gets into the Pythons that they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed: pip install 'govflow[prefect]'")

ROOT = Path(__file__).parents[2]
WATCHED = "import sys; from prefect import flow; print('govflow.prefect.instrumentation' in sys.modules)"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "govflow.cli", *words]


def environment(folder: Path, **more: str) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("GOVFLOW", "PREFECT", "PYTHON"))}
    return {**plain, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1", **more}


def ran(folder: Path, *words: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(words),
        env=environment(folder, **more),
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_streams_arguments_and_exit_code_are_the_commands_own(tmp_path: Path, verb: str) -> None:
    code = "import sys; print(sys.stdin.read().upper(), sys.argv[1:]); print('oops', file=sys.stderr); sys.exit(7)"
    done = ran(tmp_path, *command(verb, "--", sys.executable, "-c", code, "--mode", "x"), given="said")
    assert (done.returncode, done.stdout) == (7, "SAID ['--mode', 'x']\n")
    assert done.stderr.splitlines()[0] == "oops"
    assert ("no flow ran" in done.stderr) is (verb == "run")


def test_a_signal_reaches_the_command_and_its_own_end_by_one_is_told(tmp_path: Path) -> None:
    code = "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(5)); print('up', flush=True); time.sleep(600)"
    words = command("run", "--", sys.executable, "-c", code)
    child = subprocess.Popen(words, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=400) == 5
    child.stdout.close()
    killed = ran(tmp_path, *command("run", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    assert killed.returncode == 128 + 9


def test_a_command_that_is_not_there_is_an_error_of_usage(tmp_path: Path) -> None:
    for verb in ("run", "exec"):
        done = ran(tmp_path, *command(verb, "--", "no-such-command-here"))
        assert done.returncode == 2
        assert "no-such-command-here cannot be started" in done.stderr
        assert ran(tmp_path, *command(verb)).returncode == 2


def test_exec_takes_the_place_of_the_process(tmp_path: Path) -> None:
    words = command("exec", "--", sys.executable, "-c", "import os; print(os.getpid())")
    child = subprocess.Popen(words, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE)
    out, _ = child.communicate(timeout=400)
    assert int(out) == child.pid


def test_a_childs_child_is_governed_and_the_sitecustomize_behind_still_runs(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import os\nos.environ['OWN_SITE'] = 'ran'\n")
    code = f"import os, subprocess as s, sys; print(os.environ['OWN_SITE']); s.run([sys.executable, '-c', {WATCHED!r}])"
    given = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'own'}"}
    done = ran(tmp_path, *command("exec", "--", sys.executable, "-uc", code), **given)
    assert done.stdout.split() == ["ran", "True"], done.stderr


@pytest.mark.parametrize("mode", ["observe", "enforce"])
def test_a_version_that_nobody_tested_is_refused_or_left_alone(tmp_path: Path, mode: str) -> None:
    other = tmp_path / "other" / "prefect-9.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: prefect\nVersion: 9.9.9\n")
    code = f"""
import sys
try:
    {WATCHED.replace("; ", chr(10) + "    ")}
except ImportError as error:
    print("refused", error)
    try:
        from prefect.flows import Flow
        print("open")
    except ImportError:
        print("closed")
"""
    given = {"PYTHONPATH": f"{tmp_path / 'other'}{os.pathsep}{ROOT}"}
    done = ran(tmp_path, *command("exec", "--mode", mode, "--", sys.executable, "-c", code), **given)
    if mode == "observe":
        assert done.stdout == "False\n"
        assert "9.9.9" in done.stderr
    else:
        assert "9.9.9 is not a version that govflow can guard" in done.stdout
        assert done.stdout.endswith("closed\n")


@pytest.mark.parametrize("mode", ["", "observe"])
def test_prefects_start_up_hook_governs_only_where_somebody_said_so(tmp_path: Path, mode: str) -> None:
    info = tmp_path / "plugin" / "govflow_hook-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: govflow-hook\nVersion: 1\n")
    # Where govflow is installed, its own entry point is there already; Prefect refuses a second of the same name.
    installed = any(point.name == "govflow" for point in entry_points(group="prefect.plugins"))
    (info / "entry_points.txt").write_text(
        "[prefect.plugins]\ngovflow = govflow.startup.plugin\n" if not installed else ""
    )
    given = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'plugin'}", "PREFECT_PLUGINS_ENABLED": "1"}
    done = ran(tmp_path, sys.executable, "-c", WATCHED, **given, GOVFLOW_MODE=mode)
    assert done.stdout == f"{bool(mode)}\n", done.stderr
    assert "Failed to load" not in done.stderr


def test_the_hook_is_registered_with_prefect() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["prefect.plugins"] == {"govflow": "govflow.startup.plugin"}


def test_enforcing_where_govflow_is_not_installed_says_what_to_install(tmp_path: Path) -> None:
    package = tmp_path / "elsewhere" / "prefect"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "flows.py").write_text("")
    path = os.pathsep.join([str(ROOT / "govflow" / "startup" / "path"), str(package.parent)])
    code = "import prefect.flows; print('open')"
    for mode in ("observe", "enforce"):
        env = {"PYTHONPATH": path, "GOVFLOW_MODE": mode}
        # A Python without the packages of this environment.
        base = getattr(sys, "_base_executable", sys.executable)
        done = ran(tmp_path, base, "-c", code, **env)
        assert "pip install 'govflow[prefect]'" in done.stderr
        assert (done.stdout == "open\n") is (mode == "observe")
