"""An async flow with a sync subflow, sync tasks and a sync helper."""

import asyncio

from prefect import flow, task


@task
def parse(text):
    return {"words": text.split()}


@task
async def fetch(name):
    await asyncio.sleep(0)
    return f"{name} is a page"


@task
def longest(parsed):
    return max(parsed["words"], key=len)


@flow
def analyse(text: str = "some default text"):
    parsed = parse(text)
    return {"longest": longest(parsed), "count": len(parsed["words"])}


def headline(result):
    return parse(f"{result['longest']} {result['count']}")


@flow
async def page_report(names: tuple[str, ...] = ("alpha", "betamax")):
    report = {}
    for name in names:
        text = await fetch(name)
        report[name] = headline(analyse(text))["words"]
    checked = await asyncio.to_thread(len, report)
    return {"checked": checked, **report}


if __name__ == "__main__":
    asyncio.run(page_report())
