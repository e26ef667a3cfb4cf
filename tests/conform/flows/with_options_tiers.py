"""One upload task, three settings of it."""

from prefect import flow, task


@task(retries=1)
def upload(name, payload):
    return {"name": name, "bytes": len(payload)}


upload_big = upload.with_options(name="upload-big", retries=5, timeout_seconds=30)
upload_quiet = upload.with_options(name="upload-quiet", log_prints=False, tags=["quiet"])


@flow(name="upload-one")
def upload_one(name: str = "single"):
    return upload(name, "x" * 3)


upload_one_nightly = upload_one.with_options(name="upload-one-nightly", retries=1, retry_delay_seconds=0)


@flow
def upload_all(names: list[str] = ["small", "enormous", "hidden"]):
    receipts = []
    for name in names:
        payload = "#" * len(name) ** 2
        if len(payload) > 50:
            receipts.append(upload_big(name, payload))
        elif name.startswith("hid"):
            receipts.append(upload_quiet.submit(name, payload).result())
        else:
            receipts.append(upload(name, payload))
    receipts.append(upload.with_options(name="upload-checksums")("checksums", "00ff"))
    receipts.append(upload_one_nightly("log"))
    return receipts


if __name__ == "__main__":
    upload_all()
