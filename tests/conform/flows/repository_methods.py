"""Tasks as instance, static and class methods of one repository class."""

from prefect import flow, task


class CustomerRepository:
    table = "customers"

    def __init__(self, region):
        self.region = region

    @task
    def fetch(self, limit):
        return [{"id": n, "region": self.region} for n in range(limit)]

    @task(name="save-customers")
    def save(self, rows):
        return {"table": self.table, "rows": len(rows), "region": self.region}

    @staticmethod
    @task
    def mask(row):
        return {**row, "id": f"***{row['id']}"}

    @classmethod
    @task
    def describe(cls, receipt):
        return f"{cls.table}: {receipt['rows']} from {receipt['region']}"

    def refresh(self, limit):
        rows = self.fetch(limit)
        masked = [self.mask(row) for row in rows]
        return self.save(masked)


@flow
def refresh_customers(region: str = "north"):
    repository = CustomerRepository(region)
    receipt = repository.refresh(3)
    return CustomerRepository.describe(receipt)


if __name__ == "__main__":
    refresh_customers()
