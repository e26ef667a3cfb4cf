"""Several locks are taken in an ExitStack; a context manager of our own calls tasks on entry and exit."""

from contextlib import ExitStack, contextmanager

from prefect import flow, task

EVENTS = []


@task
def acquire(name):
    EVENTS.append(f"+{name}")
    return {"lock": name}


@task
def release(lock):
    EVENTS.append(f"-{lock['lock']}")
    return {"released": lock["lock"]}


@task
def migrate(tables):
    return {"migrated": tables, "held": len(EVENTS)}


@contextmanager
def locked(name):
    lock = acquire(name)
    try:
        yield lock
    finally:
        release(lock)


class Maintenance:
    def __enter__(self):
        self.lock = acquire("maintenance")
        return self.lock

    def __exit__(self, *exc):
        release(self.lock)
        return False


@flow
def migrate_tables(tables: list[str] = ["users", "teams"]):
    EVENTS.clear()
    with Maintenance(), ExitStack() as stack:
        for table in tables:
            stack.enter_context(locked(table))
        outcome = migrate(tables)
    return {**outcome, "events": "".join(EVENTS)}


if __name__ == "__main__":
    migrate_tables()
