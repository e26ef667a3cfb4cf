"""What the engine says of where a run comes from: who or what created it, and the trace that it belongs to.

News for whoever reads the log, and nothing that decides: anybody who reaches Prefect's API can write both.
"""

from __future__ import annotations

from prefect.client.schemas.objects import FlowRun


def origin_of_run(flow_run: FlowRun) -> dict[str, str]:
    """What is known of it.

    ``client``: what created the run, as Prefect names it, such as ``SCHEDULE nightly``. ``deployment``: the id of the
    deployment that it is a run of. ``trace_id``: 32 hexadecimal digits (W3C Trace Context), where one is being traced.
    """
    found: dict[str, str] = {}
    maker = flow_run.created_by
    if maker is not None:
        found["client"] = " ".join(part for part in (maker.type, maker.display_value) if part)
    if flow_run.deployment_id is not None:
        found["deployment"] = str(flow_run.deployment_id)
    trace_id = _trace_id(flow_run)
    if trace_id is not None:
        found["trace_id"] = trace_id
    return {name: value for name, value in found.items() if value}


def _trace_id(flow_run: FlowRun) -> str | None:
    """That of the span that is open in this thread; else the one that whoever started the run has left with it."""
    from opentelemetry import trace

    current = trace.get_current_span().get_span_context()
    if current.is_valid:
        return format(current.trace_id, "032x")
    handed = str((flow_run.labels or {}).get("__OTEL_TRACEPARENT", ""))  # where Prefect keeps it
    parts = handed.split("-")
    is_one = len(parts) == 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef")
    return parts[1] if is_one else None
