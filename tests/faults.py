"""Faults that the kernel makes: strace answers a chosen system call of a forked child with an error, or a kill.

First the child is watched without a fault: which calls it makes, and how many of each. Then a child for each fault.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.store.things import forked, reaped

ALL: Final = os.environ.get("GOVFLOW__FAULTS") == "all"
ERRORS: Final = ("EIO", "ENOSPC")
KINDS: Final = {
    "write": ("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "copy_file_range"),
    "sync": ("fsync", "fdatasync", "sync_file_range", "msync"),
    "size": ("ftruncate", "truncate", "fallocate"),
    "name": ("rename", "renameat", "renameat2", "link", "linkat"),
    "remove": ("unlink", "unlinkat"),
}
"""What changes a disk: kinds of calls, and their names; which of them there are is the machine's affair."""
_PR_SET_PTRACER: Final = 0x59616D61


class Fault(NamedTuple):
    """What one call is answered with: the first is call 1 of a thread; ``2+`` are all from the second on."""

    call: str
    number: str
    answer: str  # an error's name, or SIGKILL

    @property
    def kills(self) -> bool:
        return self.answer == "SIGKILL"


class Watched(NamedTuple):
    """How a child ended, and what strace saw of it."""

    code: int  # -9: killed
    trace: str

    def met(self, fault: Fault) -> bool:
        """Whether the fault was made."""
        return self.code == -signal.SIGKILL if fault.kills else "(INJECTED)" in self.trace


@cache
def why_not() -> str | None:
    """Why faults cannot be made here; None where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    with TemporaryDirectory() as folder:
        fault = Fault("fdatasync", "1", "EIO")
        try:
            return None if watched(_probe, Path(folder) / "trace", fault).met(fault) else "strace makes no faults"
        except RuntimeError as error:
            return str(error)


def watched(work: Callable[[], object], trace: Path, fault: Fault | None = None) -> Watched:
    """Do the work in a forked child, and with a fault if one is given.

    Raises:
        RuntimeError: strace may not trace here.
    """
    ready, go = os.pipe()

    def held() -> None:
        os.close(go)
        # Where only a parent may trace its children (Yama), the child allows everybody.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PTRACER, -1, 0, 0, 0)
        os.read(ready, 1)
        work()

    child = forked(held)
    os.close(ready)
    names = ",".join(f"?{name}" for group in KINDS.values() for name in group) if fault is None else fault.call
    options = ["-e", f"trace={names}", "-e", "signal=none"]
    if fault is not None:
        answer = f"signal={fault.answer}" if fault.kills else f"error={fault.answer}"
        options += ["-e", f"inject={fault.call}:{answer}:when={fault.number}"]
    command = ["strace", "-f", "-o", str(trace), *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        os.close(go)
        [code] = reaped(child)
        strace.communicate(timeout=120)
    if "attached" not in said:
        raise RuntimeError(f"strace may not trace here: {said.strip()}")
    return Watched(code, trace.read_text())


def calls_of(seen: Watched) -> Counter[str]:
    """How often each call was made by the thread that made it most often: threads are counted one by one."""
    made = Counter(re.findall(r"^(\d+) +(\w+)\(", seen.trace, re.MULTILINE))
    return Counter({name: max(n for (_, one), n in made.items() if one == name) for _, name in made})


def kinds(calls: Counter[str]) -> set[str]:
    """Of which kinds these calls are."""
    return {kind for kind, names in KINDS.items() if calls.keys() & set(names)}


def faults(calls: Counter[str], answers: Sequence[str], most: int = 8) -> Iterator[Fault]:
    """What to try: each answer at each call, or at about ``most`` of them where there are many."""
    for call, count in sorted(calls.items()):
        for at, number in enumerate(_some(count, most)):
            for answer in answers if ALL else [answers[at % len(answers)]]:
                yield Fault(call, str(number), answer)
        if count > 1 and "SIGKILL" not in answers:
            yield Fault(call, "2+", answers[0])


def _some(count: int, most: int) -> list[int]:
    """Numbers of calls; how many there are differs a little each time, so the last of many are left out."""
    last = count if count <= 8 else count * 3 // 4
    step = max(last // most, 1)
    return [number for number in range(1, last + 1) if ALL or number == 1 or number % step == 0]


def _probe() -> None:
    with TemporaryDirectory() as folder, (Path(folder) / "file").open("wb") as file, suppress(OSError):
        os.fdatasync(file.fileno())
