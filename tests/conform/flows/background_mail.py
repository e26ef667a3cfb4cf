"""Mails are handed to a task worker in the background."""

from prefect import flow, task


@task(log_prints=True)
def send_mail(to, text):
    print(f"to {to}: {text}")
    return {"to": to}


@task
def list_members():
    return ["ann@example.org", "bob@example.org"]


@flow
def newsletter(text: str = "Hello"):
    members = list_members()
    pending = [send_mail.delay(member, text=text) for member in members]
    extra = send_mail.apply_async(kwargs={"to": "archive@example.org", "text": text})
    return len(pending) + (extra is not None)


if __name__ == "__main__":
    send_mail.serve()
