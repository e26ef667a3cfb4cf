from .registry import connector


@connector("rest")
def read_rest(path):
    return [{"path": f"https://rest.example.org/{path}"}]
