"""Tasks under a second decorator that records how often a step was entered."""

import functools

from prefect import flow, task

ENTERED = []


def timed(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        ENTERED.append(fn.__name__)
        return fn(*args, **kwargs)

    return wrapper


def checked(minimum):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            result = fn(*args, **kwargs)
            if len(result) < minimum:
                raise ValueError(f"{fn.__name__} gave {len(result)} rows")
            return result

        return wrapper

    return decorate


@task
@timed
def read_log(lines):
    return [f"GET /{n % 3}" for n in range(lines)]


@task(name="count-paths")
@timed
@checked(minimum=2)
def count_paths(log):
    counts = {}
    for line in log:
        counts[line] = counts.get(line, 0) + 1
    return counts


@task
def top(counts):
    return max(sorted(counts), key=counts.get)


@flow
@timed
def log_report(lines: int = 7):
    log = read_log(lines)
    counts = count_paths(log)
    return {"top": top(counts), "counts": counts}


if __name__ == "__main__":
    log_report()
