"""Synchronise a web shop with the stock system."""

from .flows import sync_shop
from .tasks import fetch_products, fetch_stock

__all__ = ["fetch_products", "fetch_stock", "sync_shop"]
