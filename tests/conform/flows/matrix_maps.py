"""Maps of several lists, maps of variants, maps inside a loop, and a map over pairs."""

from prefect import flow, task, unmapped


@task
def render(page, theme):
    return {"page": page, "theme": theme}


@task
def check(rendered, rules=()):
    return {"id": f"{rendered['page']}-{rendered['theme']}", "rules": len(rules)}


@task
def deploy(checked, site):
    return f"{site}/{checked['id']}"


@task
def site_map(urls):
    return {"urls": urls}


@flow
def publish_sites(pages: list[str] = ["home", "about"]):
    urls = []
    for site in ("no", "se"):
        rendered = render.map(pages, ["dark", "light"])
        checked = check.with_options(name="strict-check").map(rendered, rules=unmapped(["links", "alt"]))
        futures = deploy.map(checked, unmapped(site))
        futures.wait()
        urls.extend(futures.result())

    pairs = [(page, theme) for page in pages for theme in ("print",)]
    extra = render.map(*zip(*pairs))
    urls += [deploy(check(one.result()), "archive") for one in extra]
    return site_map(urls)


if __name__ == "__main__":
    publish_sites()
