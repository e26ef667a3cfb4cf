"""Source trees: a working copy, a git revision, the modules of this process."""

from govflow.sources.git import GitTree
from govflow.sources.loaded import LoadedModules
from govflow.sources.working import WorkingTree, find_root

__all__ = ["GitTree", "LoadedModules", "WorkingTree", "find_root"]
