"""What plans, differences and requests look like to people: as plain text, as Markdown, as JSON data.

The same words appear in the terminal, in Prefect's artifacts and in a pull request. Names, resources, parameters and
reasons come from somebody's source and are escaped: they cannot become markup, links, mentions or terminal codes.
"""

from govflow.services.describe.differences import (
    comparison_json,
    comparison_markdown,
    comparison_text,
    diff_markdown,
    diff_text,
    flow_diff_markdown,
    flow_diff_text,
)
from govflow.services.describe.plans import plan_json, plan_markdown, plan_mermaid, plan_rows, plan_text
from govflow.services.describe.questions import (
    request_form,
    request_json,
    request_markdown,
    request_text,
    requests_form,
    requests_markdown,
    requests_text,
)

__all__ = [
    "comparison_json",
    "comparison_markdown",
    "comparison_text",
    "diff_markdown",
    "diff_text",
    "flow_diff_markdown",
    "flow_diff_text",
    "plan_json",
    "plan_markdown",
    "plan_mermaid",
    "plan_rows",
    "plan_text",
    "request_form",
    "request_json",
    "request_markdown",
    "request_text",
    "requests_form",
    "requests_markdown",
    "requests_text",
]
