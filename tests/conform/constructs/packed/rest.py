from .registry import loader


@loader
def fetch(x=None):
    return [f"fetch {x}"]
