from prefect import task

LOADERS = {}


def loader(fn):
    LOADERS[fn.__name__] = task(fn)
    return fn
