"""Walk a tree of folders; a helper and a flow both call themselves, with a bound."""

from prefect import flow, task

TREE = {"root": {"a": {"a1": {}, "a2": {}}, "b": {}}}


@task
def list_folder(path):
    node = TREE
    for part in path.split("/"):
        node = node[part]
    return {"path": path, "children": sorted(node)}


@task
def measure(path, depth):
    return {"path": path, "depth": depth}


def walk(path, depth=0, limit=3):
    listing = list_folder(path)
    found = [measure(path, depth)]
    if depth < limit:
        for child in listing["children"]:
            found.extend(walk(f"{path}/{child}", depth + 1, limit))
    return found


@flow(name="countdown")
def countdown(left: int = 2):
    entry = measure("countdown", left)
    if left <= 1:
        return [entry]
    return [entry, *countdown(left - 1)]


@flow
def index_tree(root: str = "root"):
    found = walk(root)
    return {"folders": len(found), "deepest": max(f["depth"] for f in found), "left": len(countdown(2))}


if __name__ == "__main__":
    index_tree()
