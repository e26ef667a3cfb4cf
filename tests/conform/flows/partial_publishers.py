"""functools.partial over tasks and over the decorator itself."""

from functools import partial

from prefect import flow, task

cached_task = partial(task, retries=1, persist_result=False)


@cached_task(name="fetch-rates")
def fetch_rates(base, symbols):
    return {s: len(base) + i for i, s in enumerate(symbols)}


@task
def publish(target, rates, dry_run=False):
    return {"target": target, "count": len(rates), "dry_run": dry_run}


@task
def summarise(receipts):
    return [r["target"] for r in receipts if not r["dry_run"]]


fetch_euro = partial(fetch_rates, "EUR")
publish_web = partial(publish, "web")


@flow
def publish_rates(dry_run: bool = True):
    rates = fetch_euro(["NOK", "SEK"])
    to_archive = partial(publish, "archive", dry_run=dry_run)
    submit_mail = partial(publish.submit, "mail")
    receipts = [publish_web(rates), to_archive(rates), submit_mail(rates).result()]
    return summarise(receipts)


if __name__ == "__main__":
    publish_rates()
