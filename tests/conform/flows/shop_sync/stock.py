"""Plain helpers, no tasks of their own."""

from .tasks import fetch_products, fetch_stock


def current_levels(shop):
    products = fetch_products(shop)
    return fetch_stock([product["sku"] for product in products])
