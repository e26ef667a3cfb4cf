"""Tasks that call tasks: directly, submitted, and one that calls a helper with a task in it."""

from prefect import flow, task


@task
def geocode(address):
    return {"address": address, "lat": len(address), "lon": len(address) / 2}


@task
def distance(a, b):
    return {"km": abs(a["lat"] - b["lat"]) + abs(a["lon"] - b["lon"])}


def leg(start, end):
    return distance(geocode(start), geocode(end))


@task(name="route-length")
def route_length(stops):
    legs = []
    for start, end in zip(stops, stops[1:]):
        legs.append(leg(start, end))
    return {"km": sum(x["km"] for x in legs), "legs": len(legs)}


@task
def geocode_all(stops):
    futures = [geocode.submit(stop) for stop in stops]
    return [f.result() for f in futures]


@flow
def plan_route(stops: list[str] = ["Oslo S", "Drammen", "Kongsberg"]):
    points = geocode_all(stops)
    length = route_length(stops)
    return {"points": len(points), **length}


if __name__ == "__main__":
    plan_route()
