"""Make thumbnails for a batch of pictures with mapped tasks."""

from prefect import flow, task, unmapped


@task
def list_images(bucket: str):
    return [f"{bucket}/img_{n:03d}.png" for n in range(4)]


@task
def download(path):
    return {"path": path, "bytes": len(path) * 100, "width": 800, "height": 600}


@task
def resize(image, size, quality=80):
    scale = size["width"] / image["width"]
    return {
        "path": image["path"].replace(".png", "_thumb.png"),
        "width": size["width"],
        "height": int(image["height"] * scale),
        "quality": quality,
    }


@task
def upload(thumb, bucket):
    return f"s3://{bucket}/{thumb['path'].split('/')[-1]}"


@task
def write_index(urls):
    return {"count": len(urls), "urls": urls}


@flow
def thumbnails(bucket: str = "photos", width: int = 160):
    paths = list_images(bucket)
    images = download.map(paths)
    # a dict would be fine to iterate by accident, hence unmapped
    thumbs = resize.map(images, unmapped({"width": width}), quality=unmapped(70))
    urls = upload.map(thumbs, bucket="thumbs")
    return write_index(urls)


if __name__ == "__main__":
    thumbnails()
