"""A purchase needs an approval above a limit; the answers come from a mail box stub."""

from enum import Enum

from prefect import flow, task


class Answer(str, Enum):
    YES = "yes"
    NO = "no"
    SILENCE = "silence"


INBOX = {"p-1": Answer.YES, "p-2": Answer.NO}


@task
def load_request(number: str) -> dict:
    return {"number": number, "amount": len(number) * 400}


@task
def ask_approver(request: dict) -> dict:
    return {"request": request["number"], "to": "boss@example.org"}


@task
def read_answer(question: dict) -> Answer:
    return INBOX.get(question["request"], Answer.SILENCE)


@task
def place_order(request: dict) -> dict:
    return {"ordered": request["number"]}


@task
def reject(request: dict, why: str) -> dict:
    return {"rejected": request["number"], "why": why}


@flow(name="purchase")
def purchase(number: str = "p-1", limit: int = 1000) -> dict:
    request = load_request(number)
    if request["amount"] <= limit:
        return place_order(request)

    question = ask_approver(request)
    match read_answer(question):
        case Answer.YES:
            return place_order(request)
        case Answer.NO:
            return reject(request, why="refused")
        case _:
            return reject(request, why="no answer")


@flow(name="purchase-round")
def purchase_round(numbers: list[str] = ["p-1", "p-2", "p-3"]) -> list[dict]:
    return [purchase(number, limit=100) for number in numbers]


if __name__ == "__main__":
    purchase_round()
