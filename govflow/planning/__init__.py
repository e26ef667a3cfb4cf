"""Reads a flow's source, without importing it, into a plan."""
