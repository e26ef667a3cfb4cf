"""Quota of an API: a closure counts the calls with nonlocal, a wrapper submits, a cached helper looks up once."""

from functools import lru_cache

from prefect import flow, task


@task
def lookup(country):
    return {"country": country, "code": country[:2].upper()}


@task
def enrich(address, code):
    return {**address, "code": code["code"]}


@task
def bill(calls):
    return {"calls": calls, "price": calls * 0.5}


def make_counter(limit):
    used = 0

    def call(fn, *args):
        nonlocal used
        if used >= limit:
            raise RuntimeError("quota is used up")
        used += 1
        return fn.submit(*args)

    def spent():
        return used

    return call, spent


@flow
def enrich_addresses(limit: int = 10):
    call, spent = make_counter(limit)

    @lru_cache
    def code_of(country):
        return call(lookup, country).result()

    addresses = [{"id": n, "country": c} for n, c in enumerate(["norway", "sweden", "norway"])]
    enriched = [call(enrich, a, code_of(a["country"])) for a in addresses]
    codes = [f.result()["code"] for f in enriched]
    return {"codes": codes, **bill(spent())}


if __name__ == "__main__":
    enrich_addresses()
