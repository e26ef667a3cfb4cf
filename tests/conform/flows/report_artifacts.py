"""A weekly report as Prefect artifacts, with a threshold from a Prefect variable."""

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from prefect.variables import Variable


@task
def collect_numbers():
    return [{"team": "a", "builds": 12}, {"team": "b", "builds": 3}]


@task
def below(numbers, limit):
    return [n for n in numbers if n["builds"] < limit]


@task
def write_table(numbers):
    return str(create_table_artifact(key="builds", table=numbers, description="builds per team"))


@task
def write_markdown(low):
    lines = "\n".join(f"- {n['team']}: {n['builds']}" for n in low)
    create_markdown_artifact(key="low-builds", markdown=f"# Low\n{lines}")
    return {"low": len(low)}


@flow(name="build-report")
def build_report():
    logger = get_run_logger()
    limit = int(Variable.get("build_limit", default=5))
    numbers = collect_numbers()
    low = below(numbers, limit)
    if write_table(numbers):
        logger.info("table written in %s", flow_run.name)
    return write_markdown(low)


if __name__ == "__main__":
    build_report()
