"""Changes without a condition, where code makes the statement and not text."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects

HEAD = """
from pymongo import MongoClient
from sqlalchemy import MetaData, Table, create_engine, delete, update
from sqlalchemy.orm import DeclarativeBase, Session

class Base(DeclarativeBase): pass

class Order(Base):
    __tablename__ = "orders"

e = create_engine("postgresql://h/d")
s = Session(e)
t = Table("orders", MetaData(), schema="sales")
c = MongoClient("mongodb://h").shop.orders
"""


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("s.execute(delete(Order))", ["data:delete postgres dataset://orders !"]),
        ("s.execute(delete(Order).where(Order.id == x))", ["data:delete postgres dataset://orders"]),
        ("s.execute(update(Order).values(x=1))", ["data:update postgres dataset://orders !"]),
        ("q = update(Order)\nq = q.where(x)\ns.execute(q.values(x=1))", ["data:update postgres dataset://orders"]),
        ("with e.begin() as k:\n    k.execute(t.delete())", ["data:delete postgres dataset://sales/orders !"]),
        (
            "with e.begin() as k:\n    k.execute(t.update().where(x).values(a=1))",
            ["data:update postgres dataset://sales/orders"],
        ),
        ("with e.begin() as k:\n    k.execute(delete(t))", ["data:delete postgres dataset://sales/orders !"]),
        ("x.send(delete(Order))", ["data:delete sql dataset://orders"]),
        ("MetaData().drop_all(e)", ["data:drop postgres dataset://{?} !"]),
        ("c.delete_many({})", ["data:delete mongodb dataset://shop/orders !"]),
        ("c.delete_many({'a': 1})", ["data:delete mongodb dataset://shop/orders"]),
        ("c.delete_many(x)", ["data:delete mongodb dataset://shop/orders"]),
        ("c.update_many({}, {'$set': {'a': 1}})", ["data:update mongodb dataset://shop/orders !"]),
        ("c.delete_one({})", ["data:delete mongodb dataset://shop/orders"]),
    ],
)
def test_a_statement_is_bounded_by_its_condition(body: str, expected: list[str]) -> None:
    assert effects(body, HEAD) == expected


def test_a_query_is_bounded_by_its_filter() -> None:
    assert "data:delete postgres dataset://orders !" in effects("s.query(Order).delete()", HEAD)
    assert "data:update postgres dataset://orders !" in effects("s.query(Order).update({'a': 1})", HEAD)
    assert "data:delete postgres dataset://orders" in effects("s.query(Order).filter(x).delete()", HEAD)
    assert "data:delete postgres dataset://orders" in effects("s.query(Order).filter_by(a=1).options(x).delete()", HEAD)
