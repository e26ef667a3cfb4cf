from prefect import task


@task(retries=2, tags=["shop-api"])
def fetch_products(shop):
    return [{"sku": f"{shop}-{n}", "title": f"Item {n}"} for n in range(1, 4)]


@task(tags=["stock-api"])
def fetch_stock(skus):
    return {sku: index * 5 for index, sku in enumerate(skus)}
