"""Old code with its own thread pool; its threads call Prefect tasks."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from prefect import flow, task


@task
def fetch(url):
    return {"url": url, "size": len(url)}


@task
def total(pages):
    return {"pages": len(pages), "size": sum(p["size"] for p in pages)}


def fetch_in_threads(urls):
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [pool.submit(copy_context().run, fetch, url) for url in urls]
        return [job.result() for job in jobs]


@flow
def download_all(urls: list[str] = ["http://a.test", "http://bb.test"]):
    pages = fetch_in_threads(urls)
    return total(pages)


if __name__ == "__main__":
    download_all()
