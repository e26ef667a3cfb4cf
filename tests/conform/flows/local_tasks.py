"""Tasks and helpers defined inside the flow, with values of the flow in their closures."""

from prefect import flow, task


@task
def load_events(day):
    return [{"day": day, "kind": k, "n": n} for n, k in enumerate(["click", "view", "click"])]


@flow
def session_report(day: str = "2024-04-01", weight: int = 3):
    events = load_events(day)
    seen = []

    @task
    def weigh(event):
        return {**event, "weight": event["n"] * weight}

    @task(name=f"total-{day}")
    def total(kind):
        return {"kind": kind, "total": sum(e["weight"] for e in seen if e["kind"] == kind)}

    def remember(event):
        seen.append(weigh(event))

    for event in events:
        remember(event)

    return [total(kind) for kind in sorted({e["kind"] for e in events})]


if __name__ == "__main__":
    session_report()
