"""Uses the shared steps through the module's name."""

import shared_steps as steps
from prefect import flow
from shared_steps import report_flow


@flow
def copy_products(target: str = "lake"):
    receipts = []
    for name in ("fruit", "nuts"):
        rows = steps.read(name)
        receipts.append(steps.write(steps.clean(rows), target))
    return report_flow(receipts)


if __name__ == "__main__":
    copy_products()
