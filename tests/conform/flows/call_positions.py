"""Stock alert. Task calls stand where values stand: in conditions, f-strings, subscripts, boolean chains."""

from prefect import flow, task


@task
def stock_of(item):
    return {"item": item, "count": len(item) - 4}


@task
def limit_of(item):
    return 2.5 if item == "apples" else 1.5


@task
def is_ordered(item):
    return item == "pears"


@task
def order(item, count):
    return {"item": item, "ordered": count}


@task
def unit(item):
    return "crates" if item.startswith("a") else "boxes"


PRIORITY = {"crates": "normal", "boxes": "high"}


@flow
def stock_alert(items: tuple[str, ...] = ("apples", "pears", "plums", "figs")):
    text = ""
    orders = []
    for item in items:
        if stock_of(item)["count"] < limit_of(item) and not is_ordered(item):
            orders.append(order(item, count=5 if unit(item) == "crates" else 1))
        text += f"{item} in {unit(item)};"
    priority = PRIORITY[unit(items[0])]
    assert stock_of("bananas")["count"] == 3
    return {"orders": orders, "text": text, "priority": priority}


if __name__ == "__main__":
    stock_alert()
