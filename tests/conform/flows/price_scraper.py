"""Scrape shop pages, parse the price out of the markup, compare with yesterday; pages that do not parse are counted."""

import re
from html.parser import HTMLParser

from prefect import flow, get_run_logger, task

PAGES = {
    "/kettle": "<div><b class='price'>29.50</b></div>",
    "/toaster": "<div><b class='price'>41.00</b></div>",
    "/lamp": "<div>sold out</div>",
}
YESTERDAY = {"/kettle": 27.0, "/toaster": 41.0}


class PriceParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.inside, self.price = False, None

    def handle_starttag(self, tag, attrs):
        self.inside = ("class", "price") in attrs

    def handle_data(self, data):
        if self.inside and re.fullmatch(r"[\d.]+", data):
            self.price, self.inside = float(data), False


@task(retries=2, retry_delay_seconds=0, timeout_seconds=30)
def get_page(path):
    return {"path": path, "html": PAGES[path]}


@task
def parse_price(page):
    parser = PriceParser()
    parser.feed(page["html"])
    if parser.price is None:
        raise ValueError(f"no price on {page['path']}")
    return {"path": page["path"], "price": parser.price}


@task
def difference(quote, before):
    return {"path": quote["path"], "change": round(quote["price"] - before, 2)}


@flow(name="price-watch")
def watch_prices(paths: list[str] = ["/kettle", "/toaster", "/lamp"]):
    logger = get_run_logger()
    changes, unreadable = [], 0
    for page in [get_page(path) for path in paths]:
        try:
            quote = parse_price(page)
        except ValueError as error:
            logger.warning("%s", error)
            unreadable += 1
            continue
        if (before := YESTERDAY.get(quote["path"])) is not None:
            changes.append(difference(quote, before))
    return {"changed": [c for c in changes if c["change"]], "unreadable": unreadable}


if __name__ == "__main__":
    watch_prices()
