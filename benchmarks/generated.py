"""A flow of any size, the same text for the same numbers."""

from __future__ import annotations

_HEAD = '''"""Generated."""

from prefect import flow, task
'''
_TASK = '''

@task(retries={retries})
def task_{number}(value: int, table: str = "orders", limit: int = 10) -> int:
    """Step {number}."""
    rows = [value + {number} for _ in range(limit) if table]
    return sum(rows)
'''
_SPREAD = 8  # a result is also handed to a step that many places later


def large_flow(steps: int, tasks: int = 100, name: str = "large", changed: int | None = None) -> str:
    """The source of one flow that calls tasks ``steps`` times: data edges, ``submit``, ``wait_for``, constants.

    Args:
        steps: how many calls.
        tasks: how many different tasks they call.
        name: of the flow.
        changed: the number of a call whose constant is another one than it would be.
    """
    parts = [_HEAD, *(_TASK.format(number=number, retries=number % 3) for number in range(tasks))]
    parts.append(f"\n\n@flow\ndef {name}(start: int = 0) -> int:\n")
    for step in range(steps):
        limit = step % 7 + (step == changed)
        value = f"r{step - 1}" if step else "start"
        if step % 10 == 3:
            call = f"task_{step % tasks}.submit({value}, limit={limit}, wait_for=[r{max(step - _SPREAD, 0)}])"
        elif step % 10 == 7:
            call = f"task_{step % tasks}({value} + r{max(step - _SPREAD, 0)}, table='t{step}', limit={limit})"
        else:
            call = f"task_{step % tasks}({value}, limit={limit})"
        parts.append(f"    r{step} = {call}\n")
    parts.append(f"    return r{steps - 1}\n")
    return "".join(parts)
