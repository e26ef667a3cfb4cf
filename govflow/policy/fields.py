"""Types of fields that several models of a policy file share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from govflow.ir.models import NonEmpty
from govflow.policy.moments import moment, written_moment

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _named(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a name is letters, digits, '.', '_' and '-'")
    return name


def _moment(value: object) -> str:
    """The one text of a moment, however it was written."""
    try:
        if isinstance(value, datetime):
            return written_moment(value)
        return written_moment(moment(value.isoformat() if isinstance(value, date) else str(value)))
    except ValueError:
        raise PydanticCustomError("moment", "not a time") from None


def _listed(value: Any) -> Any:
    """Tuples as lists and times as text, so that Python writes operands either way and both have one digest."""
    if isinstance(value, datetime):
        return written_moment(value)
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


Name = Annotated[NonEmpty, AfterValidator(_named)]
Moment = Annotated[str, BeforeValidator(_moment)]
Operand = Annotated[JsonValue, BeforeValidator(_listed)]
Texts = Annotated[Sequence[NonEmpty], AfterValidator(tuple)]
Choices = Annotated[Sequence[NonEmpty], Field(min_length=1), AfterValidator(tuple)]
