"""An incident goes to every channel of everybody on duty; channels are tasks chosen per person."""

from prefect import flow, task


@task
def on_duty(team):
    return [
        {"name": "Ida", "channels": ["mail", "sms"], "phone": "+47 1"},
        {"name": "Jon", "channels": ["chat"], "phone": None},
        {"name": "Kim", "channels": ["pager"], "phone": "+47 3"},
    ]


@task(name="send-mail")
def mail(person, text):
    return {"via": "mail", "to": person["name"]}


@task(name="send-sms")
def sms(person, text):
    return {"via": "sms", "to": person["phone"]}


@task(name="send-chat")
def chat(person, text):
    return {"via": "chat", "to": f"@{person['name'].lower()}"}


@task
def log_unreachable(person, channel):
    return {"via": channel, "to": None}


@task
def close_incident(sent, incident):
    return {"incident": incident, "sent": sorted(s["via"] for s in sent if s["to"])}


@flow
def notify(incident: str = "INC-7", team: str = "platform"):
    senders = {"mail": mail, "sms": sms, "chat": chat}
    sent = []
    for person in on_duty(team):
        for channel in person["channels"]:
            try:
                sender = senders[channel]
            except KeyError:
                sent.append(log_unreachable.submit(person, channel))
            else:
                sent.append(sender.submit(person, text=f"{incident} is open"))
    return close_incident(sent, incident)


if __name__ == "__main__":
    notify()
