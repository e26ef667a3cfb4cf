"""govflow: the governance layer for Prefect 3.

The decorators are asked for by engine: ``from govflow.prefect import flow, task``.
Importing this package imports neither Prefect nor a database.
"""

from govflow.errors import GovflowError, InputError, Refused

__all__ = ["GovflowError", "InputError", "Refused", "__version__"]

__version__ = "0.1.0"
