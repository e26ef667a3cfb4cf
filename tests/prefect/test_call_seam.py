"""What a call hands to the engine: the task as it is now, marked, and nothing that stays behind on it."""

import copy
import pickle
from typing import Any

from prefect import Task

from govflow.prefect.kept import Kept, twin
from tests.prefect.conftest import POLICY, Home

PROJECT = """
    from govflow.prefect import flow, task

    @task
    def give(x: int) -> int:
        return x

    @flow
    def calls(times: int) -> list:
        found = []
        for at in range(times):
            if at == 1:
                change()
            found.append(give(at, return_state=True))
        return [state.name for state in found]

    def change() -> None:
        pass
"""


def test_an_option_that_was_changed_between_two_calls_counts(home: Home) -> None:
    module = home.load(PROJECT)
    seen: list[Any] = []

    def named() -> str:
        seen.append("named")
        return "renamed"

    vars(module)["change"] = lambda: setattr(module.give, "task_run_name", named)
    assert module.calls(3) == ["Completed"] * 3
    assert seen == ["named", "named"]


def test_a_function_that_was_put_in_place_of_the_body_is_another_one(home: Home) -> None:
    home.configure(policy=POLICY)
    module = home.load(PROJECT)
    ran: list[int] = []

    def planted(x: int) -> int:
        ran.append(x)
        return x

    module.give.fn = planted
    assert module.calls(1) == ["Failed"]
    assert ran == []


def test_what_a_task_keeps_does_not_travel_with_it(home: Home) -> None:
    home.load(PROJECT).calls(1)
    kept = Kept(print, print)
    kept.at["somewhere"] = print
    travelled: Any = pickle.loads(pickle.dumps(kept))
    copied: Any = copy.deepcopy(kept)
    assert travelled == copied == {}


def free_of_prefect() -> None: ...


class Slotted(Task[..., Any]):
    __slots__ = ("extra",)


class Counting(Task[..., Any]):
    def __copy__(self) -> "Counting":
        made = Counting(self.fn)
        made.description = "copied its own way"
        return made


def test_a_class_that_copies_in_a_way_of_its_own_is_copied_in_that_way() -> None:
    slotted: Task[..., Any] = Slotted(free_of_prefect, name="slotted")
    slotted.__setattr__("extra", "kept")
    assert vars(type(slotted))["extra"].__get__(twin(slotted)) == "kept"
    counting: Task[..., Any] = Counting(free_of_prefect, name="counting")
    assert twin(counting).description == "copied its own way"
