"""Cache policies: repeated documents of one run are embedded once."""

from datetime import timedelta

from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE


@task(cache_policy=INPUTS + RUN_ID, persist_result=True, cache_expiration=timedelta(minutes=5))
def embed(text, dim=4):
    return [round((sum(map(ord, text)) % (k + 7)) / 10, 1) for k in range(dim)]


@task(cache_policy=(INPUTS - "verbose") + TASK_SOURCE + RUN_ID, persist_result=True)
def tokenise(text, verbose=False):
    return text.lower().split()


@task(cache_key_fn=lambda ctx, params: f"{ctx.task_run.flow_run_id}-{params['name']}", persist_result=True)
def model_card(name):
    return {"name": name, "dim": 4}


@task(cache_policy=NO_CACHE)
def write_index(vectors):
    return {"size": len(vectors), "first": vectors[0]}


@flow
def embed_documents(texts: list[str] = ["Red fox", "Blue jay", "Red fox"]):
    card = model_card("toy")
    tokens = [tokenise(t, verbose=n == 2) for n, t in enumerate(texts)]
    vectors = [embed(" ".join(words), dim=card["dim"]) for words in tokens]
    again = model_card("toy")
    return {"same_card": card == again, **write_index(vectors)}


if __name__ == "__main__":
    embed_documents()
