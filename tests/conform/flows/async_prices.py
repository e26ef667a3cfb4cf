"""Collect prices from several sources at once."""

import asyncio

from prefect import flow, task

SOURCES = ["alpha", "beta", "gamma"]


@task(retries=1)
async def fetch_quote(source: str, symbol: str) -> dict:
    await asyncio.sleep(0.01)
    return {"source": source, "symbol": symbol, "price": 100 + len(source)}


@task
async def consolidate(quotes: list[dict]) -> dict:
    prices = [q["price"] for q in quotes]
    return {"symbol": quotes[0]["symbol"], "mid": sum(prices) / len(prices), "sources": len(quotes)}


@task
def store(row: dict) -> dict:
    return {"stored": row["symbol"], "mid": round(row["mid"], 2)}


@flow
async def collect_prices(symbols: list[str] | None = None):
    rows = []
    for symbol in symbols or ["PRF", "GOV"]:
        quotes = await asyncio.gather(*[fetch_quote(source, symbol) for source in SOURCES])
        rows.append(await consolidate(quotes))
    return [store(row) for row in rows]


if __name__ == "__main__":
    asyncio.run(collect_prices())
