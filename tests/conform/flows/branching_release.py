"""A release train with many branches: which tasks run depends on the settings and on what tasks said."""

from prefect import flow, task


@task
def run_unit_tests(ref):
    return {"ref": ref, "failed": 0}


@task
def build_image(ref):
    return {"image": f"app:{ref}"}


@task
def scan_image(image):
    return {"critical": 0, "high": 1, **image}


@task
def deploy(image, where):
    return {"image": image["image"], "where": where}


@task
def smoke_test(deployed):
    return {"where": deployed["where"], "ok": deployed["where"] != "moon"}


@task
def roll_back(deployed):
    return {"rolled_back": deployed["where"]}


@task
def tell(channel, text):
    return {"channel": channel, "text": text}


@flow(name="release-train")
def release_train(ref: str = "a1b2", targets: tuple[str, ...] = ("staging", "moon", "production"), force: bool = False):
    tests = run_unit_tests(ref)
    if tests["failed"] and not force:
        tell("dev", f"{ref} has failing tests")
        return {"released": []}

    image = build_image(ref)
    scan = scan_image(image)
    if scan["critical"]:
        tell("security", f"{scan['critical']} critical findings")
        raise RuntimeError("image is not safe")
    elif scan["high"] > 3:
        tell("security", "many findings")
    elif scan["high"]:
        channel = "dev" if len(ref) < 8 else "ops"
        tell(channel, "some findings")
    else:
        pass

    released = []
    for where in targets:
        deployed = deploy(image, where)
        check = smoke_test(deployed)
        if not check["ok"]:
            roll_back(deployed)
            continue
        released.append(where)
    tell("dev", f"{ref} is on {', '.join(released)}")
    return {"released": released}


if __name__ == "__main__":
    release_train()
