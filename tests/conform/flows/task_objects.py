"""Task and Flow objects made with the classes instead of the decorators."""

from prefect import Flow, Task


def extract():
    return {"rows": [4, 5, 6]}


def mean(batch):
    return {"mean": sum(batch["rows"]) / len(batch["rows"])}


extract_task = Task(fn=extract, name="extract")
mean_task = Task(mean, name="mean", retries=1)


def main():
    batch = extract_task()
    return mean_task(batch)


mean_flow = Flow(main, name="mean-of-rows")


if __name__ == "__main__":
    mean_flow()
