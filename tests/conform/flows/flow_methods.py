"""A client class whose flow is a method; a plain flow builds the object and runs it."""

from prefect import flow, task


@task
def request(base, path):
    return {"url": f"{base}/{path}", "status": 200}


class ApiSync:
    def __init__(self, base):
        self.base = base

    @task(retries=1)
    def list_paths(self):
        return ["users", "teams"]

    @flow(name="api-sync-run")
    def run(self):
        return [request(self.base, path) for path in self.list_paths()]

    @staticmethod
    @flow(name="api-sync-check")
    def check(base):
        return request(base, "health")


@task
def collect(responses, health):
    return {"ok": health["status"] == 200, "urls": [r["url"] for r in responses]}


@flow
def sync_api(base: str = "https://api.example.org"):
    client = ApiSync(base)
    health = ApiSync.check(base)
    responses = client.run()
    return collect(responses, health)


if __name__ == "__main__":
    sync_api()
