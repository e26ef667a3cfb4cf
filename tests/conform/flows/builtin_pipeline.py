"""map, filter, sorted, sum and any over task results."""

from prefect import flow, task


@task
def read_bids():
    return [{"who": "ann", "bid": 30}, {"who": "bob", "bid": 55}, {"who": "cy", "bid": 42}]


@task
def is_valid(bid):
    return bid["bid"] > 35


@task
def score(bid):
    return {**bid, "score": bid["bid"] * 2}


@task
def rank_key(bid):
    return -bid["score"]


@task
def award(winner, runners_up):
    return {"winner": winner["who"], "others": [r["who"] for r in runners_up]}


@flow
def run_auction():
    bids = read_bids()
    valid = list(filter(is_valid, bids))
    scored = list(map(score, valid))
    ranked = sorted(scored, key=rank_key)
    if not any(is_valid(bid) for bid in ranked):
        return None
    winner, *rest = ranked
    return award(winner, rest)


if __name__ == "__main__":
    run_auction()
