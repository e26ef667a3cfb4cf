"""The same step as a tracked task and as the plain function below it."""

from prefect import flow, task


@task
def area(shape):
    return {"area": shape["w"] * shape["h"]}


@task
def total_area(shapes):
    # .fn: no run of its own for each shape
    return {"total": sum(area.fn(shape)["area"] for shape in shapes)}


@flow
def inner_floor(shapes: list[dict] = []):
    return total_area(shapes)


@flow
def floor_plan():
    shapes = [{"w": 2, "h": 3}, {"w": 4, "h": 5}]
    tracked = area(shapes[0])
    untracked = area.fn(shapes[1])
    total = total_area(shapes)
    same_again = inner_floor.fn(shapes)
    return {"tracked": tracked, "untracked": untracked, **total, "same": same_again == total}


if __name__ == "__main__":
    floor_plan()
