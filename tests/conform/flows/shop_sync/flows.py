from prefect import flow

from .stock import current_levels
from .tasks import push_levels, record_run


@flow(name="sync-shop")
def sync_shop(shop: str = "north"):
    levels = current_levels(shop)
    pushed = push_levels(levels)
    return record_run(shop, pushed)


if __name__ == "__main__":
    sync_shop()
