"""Crawl a site map; pages are parsed in the order in which they arrive."""

from prefect import flow, task
from prefect.futures import as_completed, wait

SITE = {"/": ["/a", "/b"], "/a": ["/b"], "/b": []}


@task
def fetch(url):
    return {"url": url, "links": SITE[url], "html": f"<h1>{url}</h1>"}


@task
def parse(page):
    return {"url": page["url"], "title": page["html"].strip("</h1>"), "out": len(page["links"])}


@task
def save(pages):
    return {"saved": sorted(p["url"] for p in pages)}


@flow
def crawl(start: str = "/"):
    root = fetch(start)
    pending = [fetch.submit(link) for link in root["links"]]

    parsed = [parse(root)]
    for future in as_completed(pending):
        parsed.append(parse(future.result()))

    saved = [save.submit([p]) for p in sorted(parsed, key=lambda p: p["url"])]
    done, not_done = wait(saved, timeout=30)
    return {"pages": len(parsed), "done": len(done), "open": len(not_done)}


if __name__ == "__main__":
    crawl()
