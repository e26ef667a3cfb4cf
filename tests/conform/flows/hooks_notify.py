"""State hooks post to a channel; the hooks themselves are plain functions and one is a lambda."""

from prefect import flow, task

CHANNEL = []


def post(text):
    CHANNEL.append(text)


def task_failed(task, run, state):
    post(f"task {task.name} failed")


def flow_done(flow, run, state):
    post(f"flow {flow.name}: {state.name}")


@task(on_failure=[task_failed])
def fragile(part):
    if part == "bolt":
        raise RuntimeError("bolt is broken")
    return {"part": part}


@task(on_completion=[lambda task, run, state: post("assembled")])
def assemble(parts):
    return {"parts": [p["part"] for p in parts]}


@task
def order_replacement(part):
    return {"part": f"new {part}"}


@fragile.on_completion
def note_good_part(task, run, state):
    post("good part")


@flow(on_completion=[flow_done], on_failure=[flow_done])
def build_machine(parts: tuple[str, ...] = ("frame", "bolt")):
    CHANNEL.clear()
    usable = []
    for part in parts:
        state = fragile(part, return_state=True)
        usable.append(order_replacement(part) if state.is_failed() else state.result())
    return assemble(usable)


if __name__ == "__main__":
    build_machine()
