"""Model monitoring: statistics per feature, an alarm only when drift is found, a retraining subflow if it is bad."""

from dataclasses import dataclass, replace

from prefect import flow, task


@dataclass(frozen=True)
class Drift:
    feature: str
    shift: float
    level: str = "none"


@task
def reference_stats(features):
    return {f: 10.0 for f in features}


@task
def current_stats(features):
    return {f: 10.0 + len(f) for f in features}


@task
def compare(feature, reference, current):
    return Drift(feature=feature, shift=round(abs(current - reference) / reference, 2))


@task
def grade(drift):
    level = "bad" if drift.shift > 0.5 else "some" if drift.shift > 0.35 else "none"
    return replace(drift, level=level)


@task
def raise_alarm(drifts):
    return {"alarm": [d.feature for d in drifts]}


@task
def fit_again(features):
    return {"fitted": len(features)}


@flow(name="retrain")
def retrain(features: list[str] = ["age"]):
    return fit_again(features)


@flow(name="drift-monitor")
def monitor(features: list[str] = ["age", "income", "region"]):
    reference, current = reference_stats.submit(features), current_stats.submit(features)
    before, now = reference.result(), current.result()
    graded = [grade(compare(f, before[f], now[f])) for f in features]

    outcome = {"checked": len(graded)}
    if moved := [d for d in graded if d.level != "none"]:
        outcome |= raise_alarm(moved)
    if any(d.level == "bad" for d in graded):
        outcome |= retrain([d.feature for d in graded if d.level == "bad"])
    return outcome


if __name__ == "__main__":
    monitor()
