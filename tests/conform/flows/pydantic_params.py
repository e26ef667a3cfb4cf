"""Parameters as pydantic models, checked before the flow begins."""

from prefect import flow, task
from pydantic import BaseModel, Field


class Window(BaseModel):
    start: int = 0
    stop: int = 6
    step: int = Field(default=2, gt=0)

    def points(self):
        return list(range(self.start, self.stop, self.step))


class Summary(BaseModel):
    label: str
    values: list[int] = []


@task
def sample(window: Window, label: str) -> Summary:
    return Summary(label=label, values=window.points())


@task
def widen(window: Window, by: int) -> Window:
    return window.model_copy(update={"stop": window.stop + by})


@task
def render(summaries: list[Summary]) -> dict[str, int]:
    return {s.label: sum(s.values) for s in summaries}


@flow(validate_parameters=True)
def sample_windows(window: Window = Window()) -> dict[str, int]:
    narrow = sample(window, label="narrow")
    wider = widen(window, by=narrow.values[-1])
    wide = sample(wider, label="wide")
    return render([narrow, wide])


if __name__ == "__main__":
    sample_windows()
