"""Route webhook events by their shape; every shape has its own task."""

from prefect import flow, task


@task
def receive():
    return [
        {"type": "push", "branch": "main", "commits": [1, 2]},
        {"type": "push", "branch": "dev", "commits": []},
        {"type": "issue", "action": "opened", "title": "It stopped"},
        ["ping"],
        {"type": "star"},
    ]


@task
def start_build(commits):
    return {"build": len(commits)}


@task
def triage(title, urgent=False):
    return {"triage": title, "urgent": urgent}


@task
def answer_ping():
    return {"pong": True}


@task
def ignore(event):
    return {"ignored": event["type"]}


@flow
def handle_events():
    handled = []
    for event in receive():
        match event:
            case {"type": "push", "branch": "main", "commits": [_, *_] as commits}:
                handled.append(start_build(commits))
            case {"type": "issue", "title": str(title), **rest} if "action" in rest:
                handled.append(triage(title, urgent="stopped" in title))
            case ["ping"] | ["ping", _]:
                handled.append(answer_ping())
            case {"type": "star" | "fork"}:
                handled.append(ignore(event))
            case _:
                continue
    return handled


if __name__ == "__main__":
    handle_events()
