"""The report is sent although one section may have failed."""

from prefect import allow_failure, flow, task


@task
def section(name):
    if name == "forecast":
        raise LookupError("no model for this week")
    return {"section": name, "lines": 3}


@task
def assemble(sections, optional):
    lines = sum(s["lines"] for s in sections)
    note = "" if isinstance(optional, dict) else f"left out: {optional}"
    return {"lines": lines, "note": note}


@task
def send(report):
    return f"sent {report['lines']} lines ({report['note'] or 'complete'})"


@flow
def weekly_report():
    sales = section.submit("sales")
    stock = section.submit("stock")
    forecast = section.submit("forecast")
    report = assemble.submit([sales, stock], allow_failure(forecast))
    sent = send.submit(report, wait_for=[allow_failure(forecast)])
    return sent.result()


if __name__ == "__main__":
    weekly_report()
