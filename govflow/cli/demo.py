"""``govflow demo``."""

from __future__ import annotations

from pathlib import Path


def demo(*, yes: bool = False) -> int:
    """Show a governed flow from end to end on real data: plan, pause, approval, drift, audit.

    The demo is part of the repository, not of the installed package: run it from a clone, where `make demo` also
    installs what it needs.

    Example:  govflow demo --yes

    Args:
        yes: play the approver too, without asking.
    """
    import subprocess
    import sys

    from govflow.cli.output import write
    from govflow.errors import InputError

    script = find_demo(Path.cwd())
    if script is None:
        raise InputError(
            "The demo is not here: it belongs to the repository, not to the installed package.",
            mend="Clone the repository and run `make demo` in it.",
        )
    write(f"running {script}")
    sys.stdout.flush()
    done = subprocess.run([sys.executable, str(script), *(["--yes"] if yes else [])], check=False)
    return done.returncode if done.returncode in (0, 1) else 2


def find_demo(start: Path) -> Path | None:
    """``examples/01_flights/demo.py`` in this folder, or beside the package in a clone."""
    for folder in (start, Path(__file__).resolve().parents[2]):
        script = folder / "examples" / "01_flights" / "demo.py"
        if script.is_file():
            return script
    return None
