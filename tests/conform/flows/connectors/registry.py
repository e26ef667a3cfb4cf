from prefect import task

CONNECTORS = {}


def connector(name, **options):
    def decorate(fn):
        CONNECTORS[name] = task(fn, name=f"connector-{name}", **options)
        return CONNECTORS[name]

    return decorate
