from .read import fetch_products, fetch_stock
from .write import push_levels, record_run

__all__ = ["fetch_products", "fetch_stock", "push_levels", "record_run"]
