"""A package whose names come from its files."""

from . import rest  # noqa: F401 # its tasks register themselves
from .reading import read as read_rows  # noqa: F401
from .registry import LOADERS  # noqa: F401
