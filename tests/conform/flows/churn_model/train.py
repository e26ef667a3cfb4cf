from prefect import flow, task

from . import pipelines
from .pipelines import LogisticPipeline


@task
def pick(scores):
    return max(scores, key=lambda s: (s["score"], s["kind"]))


@flow
def train_one():
    return LogisticPipeline().run()


@flow
def compare_models(depths: list[int] = [2, 3]):
    candidates = [LogisticPipeline(), *(pipelines.TreePipeline(depth) for depth in depths)]
    scores = [pipeline.run() for pipeline in candidates]
    return pick(scores)
