"""Regional closings are run as subflows; a failing region is followed up and does not stop the others."""

from prefect import flow, task


@task
def close_books(region):
    if region == "south":
        raise ArithmeticError("books do not balance")
    return {"region": region, "balance": 0}


@flow(name="close-region")
def close_region(region: str = "north"):
    return close_books(region)


@task
def open_ticket(region, message):
    return {"ticket": f"close-{region}", "message": message}


@task
def digest(closed, tickets):
    return {"closed": len(closed), "tickets": [t["ticket"] for t in tickets]}


@flow(name="close-all-regions")
def close_all(regions: list[str] = ["north", "south"]):
    closed, tickets = [], []
    for region in regions:
        state = close_region(region, return_state=True)
        if state.is_failed():
            tickets.append(open_ticket(region, state.message))
            continue
        closed.append(state.result())
    return digest(closed, tickets)


if __name__ == "__main__":
    close_all()
