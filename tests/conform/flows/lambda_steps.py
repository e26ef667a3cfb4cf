"""A small text pipeline whose steps are lambdas around tasks."""

from functools import reduce

from prefect import flow, task


@task
def normalise(text):
    return {"text": text.strip().lower(), "steps": ["normalise"]}


@task
def replace(doc, old, new):
    return {"text": doc["text"].replace(old, new), "steps": [*doc["steps"], f"{old}->{new}"]}


@task
def count_words(doc):
    return {"words": len(doc["text"].split()), "steps": doc["steps"]}


STEPS = [
    lambda doc: replace(doc, "colour", "color"),
    lambda doc: replace(doc, "&", "and"),
]


@flow
def clean_text(text: str = "  Red & Blue are a colour  "):
    finish = lambda doc: count_words(doc)
    cleaned = reduce(lambda doc, step: step(doc), STEPS, normalise(text))
    return finish(cleaned)


if __name__ == "__main__":
    clean_text()
