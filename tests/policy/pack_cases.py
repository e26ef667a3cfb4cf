"""The rows of ``pack_cases.md``, which says what each rule of each pack means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

DEFAULT: Final = "default"
ERROR: Final = "error"

WELL: Final[dict[str, Any]] = {
    "subject.name": "rita",
    "run.tenant": "acme",
    "run.environment": "staging",
    "run.production": False,
    "step.records": 1,
    "guard.sql_injection": False,
    "guard.command_injection": False,
    "guard.path_traversal": False,
    "guard.path_approved": True,
    "guard.domain_approved": True,
    "data.destination_region": "eu-west-1",
    "data.encrypted": True,
    "data.export_bytes": 1000,
    "audit.logging": True,
    "subject.mfa": True,
    "subject.auth_minutes": 1,
    "subject.hipaa_trained": True,
    "subject.tenant_verified": True,
    "subject.authorised": True,
    "context.medical_necessity": True,
    "context.legal_basis": "contract",
    "context.erasure_verified": True,
    "budget.left": 100,
    "budget.org_left": 100,
    "budget.team_left": 100,
    "budget.user_left": 100,
    "run.estimated_cost": 1,
}


class Case(NamedTuple):
    pack: str
    rule: str  # that the row is about
    says: str
    role: str
    action: str
    resource: str
    facts: dict[str, Any]
    decided_by: str


def _cases(page: str) -> Iterator[Case]:
    pack = ""
    for line in page.splitlines():
        if line.startswith("## "):
            pack = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) != 7 or cells[0] in {"rule", "---"}:
            continue
        rule, says, role, action, resource, facts, decided_by = cells
        name = _full(rule, pack)
        known = dict(fact.split(" = ") for fact in facts.split("; ")) if facts != "-" else {}
        yield Case(
            pack=pack,
            rule=name,
            says=says,
            role=role.strip("-"),
            action=action,
            resource=resource.strip("`"),
            facts={path: json.loads(value) for path, value in known.items()},
            decided_by=name if decided_by == "it" else _full(decided_by, pack),
        )


def _full(rule: str, pack: str) -> str:
    """Rules of the pack itself are written without its name."""
    return rule if rule in {DEFAULT, ERROR} or "." in rule else f"{pack}.{rule}"


CASES: Final = list(_cases((Path(__file__).parent / "pack_cases.md").read_text(encoding="utf-8")))
