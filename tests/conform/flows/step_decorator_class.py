"""Steps register with a pipeline object through its decorator; the flow runs what was registered, in order."""

from prefect import flow, task


class Pipeline:
    def __init__(self, name):
        self.name = name
        self.steps = []

    def step(self, order, **options):
        def decorate(fn):
            wrapped = task(name=f"{self.name}.{fn.__name__}", **options)(fn)
            self.steps.append((order, wrapped))
            return wrapped

        return decorate

    def run(self, value):
        for _, step in sorted(self.steps, key=lambda pair: pair[0]):
            value = step(value)
        return value


pipeline = Pipeline("survey")


@pipeline.step(2)
def weight(answers):
    return [{**a, "weight": 1 / len(answers)} for a in answers]


@pipeline.step(1, retries=1)
def collect(survey):
    return [{"survey": survey, "answer": n} for n in (2, 4, 4, 2)]


@pipeline.step(3)
def result(answers):
    return {"mean": sum(a["answer"] * a["weight"] for a in answers)}


@flow
def run_survey(survey: str = "lunch"):
    return pipeline.run(survey)


if __name__ == "__main__":
    run_survey()
