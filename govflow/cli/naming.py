"""How a person says at the terminal who they are."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

As = Annotated[str, Parameter(name="--as")]
"""A name that is claimed, not authenticated: whoever can run a command can give any."""
