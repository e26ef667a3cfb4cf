"""Erasure request: find a person's data everywhere, erase, prove it; the systems have the same three steps."""

from prefect import flow, task

SYSTEMS = {"crm": ["p1", "p2"], "shop": ["p1"], "wiki": []}


@task(task_run_name="find-{system}")
def find(system, person):
    return {"system": system, "hits": [p for p in SYSTEMS[system] if p == person]}


@task(task_run_name="erase-{found[system]}")
def erase(found, dry_run):
    return {"system": found["system"], "erased": 0 if dry_run else len(found["hits"])}


@task
def prove(erased):
    return f"{erased['system']}: {erased['erased']}"


@task
def certificate(person, proofs):
    return {"person": person, "proofs": proofs, "signed": True}


def erase_everywhere(person, dry_run):
    for system in SYSTEMS:
        found = find(system, person)
        if found["hits"]:
            yield erase(found, dry_run)


@flow
def erase_person(person: str = "p1", dry_run: bool = False):
    proofs = [prove(erased) for erased in erase_everywhere(person, dry_run)]
    return certificate(person, proofs)


if __name__ == "__main__":
    erase_person()
