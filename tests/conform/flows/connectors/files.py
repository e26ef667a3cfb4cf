from .registry import connector


@connector("files", retries=1)
def read_files(path):
    return [{"path": f"{path}/{n}.txt"} for n in range(2)]
