"""The terminal face: one file a command, words in :mod:`govflow.services.describe`."""
