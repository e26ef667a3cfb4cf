from prefect import task


@task(tags=["shop-api"])
def push_levels(levels):
    return [{"sku": sku, "available": count > 0} for sku, count in levels.items()]


@task
def record_run(shop, pushed):
    return {"shop": shop, "pushed": len(pushed), "sold_out": [p["sku"] for p in pushed if not p["available"]]}
