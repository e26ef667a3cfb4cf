"""What all tables share: a registry of their own, and the Core form that statements use."""

from __future__ import annotations

from typing import cast

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class GovflowTable(SQLModel, registry=registry(metadata=MetaData())):
    """What all tables share: metadata apart from the application's."""


def core(model: type[SQLModel]) -> Table:
    """The Core form of a table's model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # SQLModel sets it, its stubs do not say so
