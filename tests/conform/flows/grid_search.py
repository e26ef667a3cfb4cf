"""Grid search over a toy model: one task run per combination of hyperparameters."""

from dataclasses import dataclass
from itertools import product

from prefect import flow, task


@dataclass
class Score:
    depth: int
    rate: float
    loss: float


@task
def load_dataset(rows: int):
    return [(x, 3 * x + 1) for x in range(rows)]


@task
def train(data, depth, rate):
    slope = sum(y for _, y in data) / max(1, sum(x for x, _ in data))
    loss = abs(slope - 3) + abs(depth - 4) * 0.1 + abs(rate - 0.1)
    return Score(depth=depth, rate=rate, loss=round(loss, 4))


@task
def pick_best(scores):
    return min(scores, key=lambda s: s.loss)


@task
def register_model(best: Score, name: str):
    return {"model": name, "version": 1, "params": {"depth": best.depth, "rate": best.rate}}


@flow
def grid_search(rows: int = 20):
    data = load_dataset(rows)
    futures = [train.submit(data, depth, rate) for depth, rate in product([2, 4, 6], [0.1, 0.3])]
    scores = [f.result() for f in futures]
    best = pick_best(scores)
    return register_model(best, name="toy-regressor")


if __name__ == "__main__":
    print(grid_search())
