"""The nightly job. Every step module has a `run`; this package only names the flow."""

from nightly.job import nightly

__all__ = ["nightly"]
