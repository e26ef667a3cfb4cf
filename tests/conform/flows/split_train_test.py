"""Train/test split and a linear fit; results are unpacked and indexed on the way."""

from prefect import flow, task


@task
def make_data(n: int):
    return [(x, 2.0 * x + 5.0) for x in range(n)]


@task
def split(data, ratio=0.75):
    cut = int(len(data) * ratio)
    return data[:cut], data[cut:]


@task
def fit_line(points):
    n = len(points)
    sx, sy = sum(p[0] for p in points), sum(p[1] for p in points)
    sxy, sxx = sum(x * y for x, y in points), sum(x * x for x, _ in points)
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    return {"slope": round(slope, 3), "intercept": round((sy - slope * sx) / n, 3)}


@task
def evaluate(model, points):
    errors = [abs(model["slope"] * x + model["intercept"] - y) for x, y in points]
    return {"mae": round(sum(errors) / len(errors), 6), "n": len(points)}


@task
def describe(first, last, slope):
    return f"from {first} to {last} with slope {slope}"


@flow
def train_line(n: int = 20):
    data = make_data(n)
    train, test = split(data)
    model = fit_line(train)
    train_metrics, test_metrics = evaluate(model, train), evaluate(model, test)
    text = describe(train[0], test[-1], model["slope"])
    return {"train": train_metrics, "test": test_metrics, "text": text}


if __name__ == "__main__":
    print(train_line())
