from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govflow.audit.body import make_body
from govflow.audit.record import Draft, Severity
from govflow.audit.template import Template

NOW = datetime(2026, 5, 6, 7, 8, 9, 101112, UTC)


def _draft(**payload: object) -> Draft:
    return Draft(
        event="step.intent",
        tenant="default",
        at=NOW,
        subject="alice",
        run_id="r-1",
        flow="étl 'x' \\ \"y\"",
        step_id="etl/load#1",
        correlation="c-1",
        severity=Severity.INFO,
        payload={"mode": "enforce", "tier": 0, **payload},
    )


@given(
    at=st.datetimes(timezones=st.just(UTC)),
    attempt=st.integers(1, 10_000),
    run=st.uuids(),
    number=st.integers(0, 2**53 - 1),
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
        lambda text: "hole-" not in text
    ),
)
def test_a_filled_template_is_the_record_byte_for_byte(
    at: datetime, attempt: int, run: UUID, number: int, text: str
) -> None:
    template = Template(_draft(rule=text))
    draft = template.written(at, attempt, str(run))
    written = make_body(draft, writer="host.1.ab.s1", writer_seq=number, commitments={})
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert template.body(micros, attempt, str(run), "host.1.ab.s1", number) == written


def test_a_record_with_values_has_no_template() -> None:
    draft = Draft(event="step.intent", tenant="default", at=NOW, values={"parameters.name": "Ada"})
    with pytest.raises(ValueError, match="values"):
        Template(draft)


def test_a_text_that_stands_for_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="stands for a hole"):
        Template(_draft(rule="hole-6f1c4a52-writer"))
