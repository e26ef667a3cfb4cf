"""The team's own decorator sets retries, tags and a name prefix for all tasks."""

from prefect import flow, task


def house_task(**options):
    """`@task` with the defaults of the platform team."""
    options.setdefault("retries", 2)
    options.setdefault("retry_delay_seconds", 0)
    options["tags"] = {"platform", *options.get("tags", ())}
    return task(**options)


def quick_task(fn):
    return task(fn, retries=0, name=f"quick-{fn.__name__}")


def house_flow(name):
    def decorate(fn):
        return flow(name=f"platform-{name}", log_prints=True)(fn)

    return decorate


@house_task(name="read-usage", tags=["billing"])
def read_usage(team):
    return {"team": team, "hours": [3, 5, 8]}


@house_task()
def price_usage(usage):
    return {"team": usage["team"], "cost": sum(usage["hours"]) * 1.5}


@quick_task
def render(costs):
    return ", ".join(f"{c['team']}: {c['cost']:.2f}" for c in costs)


@house_flow("chargeback")
def chargeback(teams: list[str] = ["search", "ads"]):
    costs = []
    for team in teams:
        usage = read_usage(team)
        costs.append(price_usage(usage))
    text = render(costs)
    print(text)
    return text


if __name__ == "__main__":
    chargeback()
