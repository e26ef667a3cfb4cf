"""Futures are handed to a subflow, their states are looked at, and one is only waited for."""

from prefect import flow, task


@task
def measure(site):
    return {"site": site, "level": len(site) * 10}


@task
def lamp(colour):
    return {"lamp": colour}


@task
def average(rows):
    return {"average": sum(r["level"] for r in rows) / len(rows)}


@flow(name="evaluate")
def evaluate(main: dict = {"level": 1}, others: list[dict] = []):
    return average([main, *others])


@flow
def water_levels():
    north, south, east = measure.submit("north"), measure.submit("south"), measure.submit("east")
    result = evaluate(north, others=[south, east])

    signal = lamp.submit("green")
    signal.wait()
    colour = signal.result()["lamp"] if signal.state.is_completed() else "dark"
    return {**result, "lamp": colour}


if __name__ == "__main__":
    water_levels()
