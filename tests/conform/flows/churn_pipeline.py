"""Churn model written as a pipeline class; the methods call module-level tasks."""

from prefect import flow, task


@task
def load_customers(limit):
    return [{"id": n, "months": n * 3 % 13, "calls": n % 4} for n in range(limit)]


@task
def add_features(customers):
    return [{**c, "risk": c["calls"] * 2 - c["months"] / 12} for c in customers]


@task
def fit(features, threshold):
    return {"threshold": threshold, "positives": sum(1 for f in features if f["risk"] > threshold)}


@task
def save_model(model, path):
    return {"path": path, **model}


class ChurnPipeline:
    def __init__(self, limit=12, threshold=1.5):
        self.limit = limit
        self.threshold = threshold
        self.features = None
        self.model = None

    def prepare(self):
        customers = load_customers(self.limit)
        self.features = add_features(customers)
        return self

    def train(self):
        self.model = fit(self.features, self.threshold)
        return self

    def save(self, path):
        return save_model(self.model, path)

    def run(self, path):
        self.prepare()
        self.train()
        return self.save(path)


@flow(name="churn-training")
def train_churn(path: str = "models/churn.json"):
    pipeline = ChurnPipeline(limit=10)
    return pipeline.run(path)


if __name__ == "__main__":
    train_churn()
