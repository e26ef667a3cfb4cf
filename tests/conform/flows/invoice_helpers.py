"""Invoices: the flow reads like a table of contents, the plain functions below it call the tasks."""

from prefect import flow, task


@task
def fetch_invoices(month):
    return [{"no": f"{month}-{n}", "net": 100.0 * n, "country": c} for n, c in enumerate(["NO", "DE", "NO"], start=1)]


@task
def vat_rate(country):
    return {"country": country, "rate": {"NO": 0.25, "DE": 0.19}[country]}


@task
def apply_vat(invoice, rate):
    return {**invoice, "gross": round(invoice["net"] * (1 + rate["rate"]), 2)}


@task
def render(invoices):
    return "\n".join(f"{i['no']:>10} {i['gross']:>10.2f}" for i in invoices)


@task
def send(document, to):
    return {"to": to, "lines": document.count("\n") + 1}


def price(invoice):
    rate = vat_rate(invoice["country"])
    return apply_vat(invoice, rate)


def price_all(invoices):
    return [price(invoice) for invoice in invoices]


def build_document(month):
    invoices = fetch_invoices(month)
    priced = price_all(invoices)
    return render(priced)


def deliver(document, recipients):
    receipts = []
    for recipient in recipients:
        receipts.append(send(document, to=recipient))
    return receipts


@flow
def monthly_invoices(month: str = "2024-06"):
    document = build_document(month)
    return deliver(document, ["books@example.org", "audit@example.org"])


if __name__ == "__main__":
    monthly_invoices()
