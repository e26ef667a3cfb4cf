"""Plan files: what ``govflow plan --format json`` writes, read back to be compared.

A plan file is for people and other programs, so literal secrets are masked in it. Its hashes are those of the plan
before that: two files with different secrets differ, and neither shows them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from govflow.errors import LockError
from govflow.ir.lock import load_lock
from govflow.ir.models import Plan
from govflow.services.diff_plans import Side
from govflow.services.findings import CheckFinding
from govflow.services.regular_file import read_regular
from govflow.telemetry import redact, redact_text

_WRITE: Final = "Write it again: govflow plan PATH --format json > plan.json"


def masked_plan(plan: Plan) -> dict[str, Any]:
    """A plan as JSON values, without literal secrets."""
    document = plan.model_dump(
        mode="json", exclude={"findings": True, "steps": {"__all__": {"sites", "unseen"}}}, exclude_defaults=True
    )
    for step in document["steps"]:
        step["resource"] = redact_text(step["resource"])
        for effect in step.get("effects", ()):
            effect["resource"] = redact_text(effect["resource"])
            effect.pop("site", None)
        if "constants" in step:
            step["constants"] = redact(step["constants"])
    for parameter in document.get("parameters", ()):
        if parameter.get("default") is not None:
            parameter["default"] = redact({parameter["name"]: parameter["default"]})[parameter["name"]]
    return document


def read_plan_file(path: Path) -> Side:
    """The plans of a lock file, or of what ``govflow plan --format json`` wrote.

    Raises:
        LockError: it is not there, or is neither.
    """
    try:
        text = read_regular(path)
    except FileNotFoundError:
        raise LockError(f"{path}: there is no such file.", mend=_WRITE, details={"file": str(path)}) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{path}: cannot be read: {error}.", mend="Give this user a readable text file.") from None
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LockError(f"{path}: neither a plan file nor a lock file: {error}.", mend=_WRITE) from None
    if isinstance(raw, dict) and isinstance(raw.get("flows"), list):
        return _side(raw, str(path))
    lock = load_lock(text, str(path))
    return Side(
        {name: flow.plan for name, flow in lock.flows.items()},
        hashes={name: flow.plan_hash for name, flow in lock.flows.items()},
    )


def _side(raw: Mapping[str, Any], where: str) -> Side:
    plans, hashes, steps = {}, {}, {}
    for index, flow in enumerate(raw["flows"]):
        place = f"{where}: flows[{index}]"
        try:
            name, digest = str(flow["name"]), str(flow["plan_hash"])
            plan = Plan.model_validate_json(json.dumps(flow["plan"]))
            step_hashes = {str(row["step_id"]): str(row["step_hash"]) for row in flow["steps"]}
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            at = ".".join(map(str, first["loc"]))
            raise LockError(f"{place}.plan.{at}: {first['msg']}", mend=_WRITE) from None
        except (KeyError, TypeError) as error:
            raise LockError(f"{place}: no plan of this govflow: {error} is missing.", mend=_WRITE) from None
        ids = {step.step_id for step in plan.steps}
        if step_hashes.keys() != ids or any(edge.source not in ids or edge.target not in ids for edge in plan.edges):
            raise LockError(f"{place}: its steps and its plan are not of one reading.", mend=_WRITE)
        plans[name], hashes[name], steps[name] = plan, digest, step_hashes
    unread = tuple(
        CheckFinding("GF303", str(one.get("file")), str(one.get("error")), file=str(one.get("file")), key="plan-file")
        for one in raw.get("unread", ())
        if isinstance(one, dict)
    )
    return Side(plans, unread, hashes, steps)
