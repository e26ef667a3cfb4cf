"""Pull all issues of a repository page by page, with the cursor API."""

from prefect import flow, task

PAGES = {
    None: {"items": [{"id": 1, "state": "open"}, {"id": 2, "state": "closed"}], "next": "p2"},
    "p2": {"items": [{"id": 3, "state": "open"}], "next": "p3"},
    "p3": {"items": [{"id": 4, "state": "draft"}, {"id": 5, "state": "open"}], "next": None},
}


@task(retries=3)
def fetch_page(cursor=None):
    return PAGES[cursor]


@task
def next_cursor(page):
    return page["next"]


@task
def store_open(items):
    return {"stored": [i["id"] for i in items]}


@task
def archive_closed(items):
    return {"archived": [i["id"] for i in items]}


@flow
def sync_issues():
    page = fetch_page()
    items = list(page["items"])
    while (cursor := next_cursor(page)) is not None:
        page = fetch_page(cursor)
        items.extend(page["items"])

    report = {"seen": len(items), "skipped": 0}
    for item in items:
        match item["state"]:
            case "open":
                report.update(store_open([item]))
            case "closed":
                report.update(archive_closed([item]))
            case other:
                print(f"no rule for {other}")
                report["skipped"] += 1
    return report


if __name__ == "__main__":
    sync_issues()
