"""Cross validation: nested comprehensions, futures grouped by model, mean per model."""

from prefect import flow, task

MODELS = ("ridge", "lasso")


@task
def make_folds(n, k):
    return [{"fold": i, "rows": list(range(i, n, k))} for i in range(k)]


@task
def fit_fold(model, fold):
    return {"model": model, "fold": fold["fold"], "r2": round(1 - len(model) / (10 + len(fold["rows"])), 3)}


@task
def mean_score(scores):
    return {"model": scores[0]["model"], "r2": round(sum(s["r2"] for s in scores) / len(scores), 3)}


@task
def leaderboard(means):
    return {m["model"]: m["r2"] for m in sorted(means, key=lambda m: m["r2"], reverse=True)}


@flow(log_prints=True)
def cross_validate(n: int = 20, k: int = 3):
    folds = make_folds(n, k)
    by_model = {model: [fit_fold.submit(model, fold) for fold in folds] for model in MODELS}
    means = [mean_score.submit(futures) for futures in by_model.values()]
    flat = [future.result() for futures in by_model.values() for future in futures]
    print(f"{len(flat)} fits")
    return leaderboard(means)


if __name__ == "__main__":
    cross_validate()
