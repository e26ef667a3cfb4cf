from .base import *
from .pipelines import LogisticPipeline, TreePipeline
from .train import compare_models, train_one

__all__ = ["LogisticPipeline", "Pipeline", "TreePipeline", "compare_models", "train_one"]
