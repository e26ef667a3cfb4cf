"""Connectors register themselves when their module is imported."""

from . import files, rest
from .registry import CONNECTORS, connector

__all__ = ["CONNECTORS", "connector", "files", "rest"]
