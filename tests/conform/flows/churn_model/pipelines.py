from prefect import task

from .base import *


@task
def fit_logistic(frame):
    return {"kind": "logistic", "period": 2, "n": len(frame)}


@task
def fit_tree(frame, depth):
    return {"kind": f"tree-{depth}", "period": 3, "n": len(frame)}


@task
def prune(model):
    return {**model, "kind": model["kind"] + "-pruned"}


class LogisticPipeline(Pipeline):
    def fit(self, frame):
        return fit_logistic(frame)


class TreePipeline(Pipeline):
    rows = 12

    def __init__(self, depth=3):
        self.depth = depth

    def fit(self, frame):
        return fit_tree(frame, self.depth)

    def after_fit(self, model):
        return prune(super().after_fit(model))
