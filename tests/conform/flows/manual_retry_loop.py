"""A retry written by hand: while True, try, except, break; and a list of mirrors as second plan."""

from prefect import flow, task


class MirrorError(Exception):
    def __init__(self, mirror):
        super().__init__(f"{mirror} gave no file")
        self.mirror = mirror


@task
def download(mirror, attempt):
    if mirror != "mirror-c" or attempt < 2:
        raise MirrorError(mirror)
    return {"mirror": mirror, "attempt": attempt, "lines": 8}


@task
def report_failure(error):
    return {"mirror": error.mirror}


@task
def import_lines(file):
    return {"from": file["mirror"], "lines": file["lines"]}


@flow
def import_from_mirrors(mirrors: list[str] = ["mirror-a", "mirror-c"], attempts: int = 2):
    failures = []
    file = None
    for mirror in mirrors:
        attempt = 0
        while True:
            attempt += 1
            try:
                file = download(mirror, attempt)
            except MirrorError as error:
                failures.append(report_failure(error))
                if attempt >= attempts:
                    break
            else:
                break
        if file is not None:
            break
    if file is None:
        raise RuntimeError("no mirror has the file")
    return {"failures": len(failures), **import_lines(file)}


if __name__ == "__main__":
    import_from_mirrors()
