"""The same two names, imported in the four ways that one meets."""

import prefect as pf
import prefect.tasks
from prefect import flow as workflow
from prefect import task as t
from prefect.tasks import task as step


@t
def ping(host):
    return {"host": host, "ms": len(host)}


@pf.task(name="rank-hosts")
def rank(pings):
    return sorted(pings, key=lambda p: p["ms"])


@step(retries=1)
def choose(ranked):
    return ranked[0]


@prefect.tasks.task
def announce(winner):
    return f"{winner['host']} wins"


@workflow(name="probe-hosts")
def probe(hosts: list[str] = ["db-primary", "db2", "db-three"]):
    pings = [ping(h) for h in hosts]
    winner = choose(rank(pings))
    return announce(winner)


@pf.flow
def probe_twice():
    return [probe(["one", "three"]), probe(["seven", "ten"])]


if __name__ == "__main__":
    probe()
