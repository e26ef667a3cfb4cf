"""Cedar policies as our rules: a subset, of which nothing is dropped. What is outside it is refused with its place.

In doubt a rule that comes from Cedar is stricter than Cedar: Cedar passes over a ``forbid`` that it cannot evaluate,
and finds a text and a number merely different; with us a missing attribute turns no deny off, a wrong type denies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from govflow.errors import PolicyError
from govflow.policy.cedar import terms
from govflow.policy.cedar.annotations import Said, said_by
from govflow.policy.cedar.exporting import DEFAULT
from govflow.policy.cedar.library import Form, lines, parsed
from govflow.policy.cedar.reading import NotOurs, Reading, alternatives, conjuncts, glob_of
from govflow.policy.document import PolicyDocument
from govflow.policy.model import Effect
from govflow.policy.places import Path, Places
from govflow.policy.rules import Combining

_TARGETS: Final = {"subjects": "principal", "actions": "action", "resources": "resource"}


def import_cedar(
    text: str,
    where: str = "Cedar policies",
    *,
    name: str = "imported",
    combining: Combining = Combining.DENY_OVERRIDES,
    sections: Mapping[str, Any] | None = None,
) -> PolicyDocument:
    """The policies as a policy document.

    Args:
        text: Cedar policies.
        where: how messages name the text.
        name: of the policy.
        combining: how the rules are combined; Cedar's own way is ``deny_overrides``.
        sections: what else the document holds, as arguments of ``PolicyDocument.build``: ``attributes``, ``approvals``.

    Raises:
        PolicyError: the text says something that no rule can hold, or that a policy file may not say.
    """
    rules: list[dict[str, Any]] = []
    everything: list[Said] = []
    default = Effect.DENY
    places: dict[Path, int] = {}
    for index, (form, line) in enumerate(zip(parsed(text, where), lines(text), strict=True)):
        said = said_by(form, index, f"{where}:{line}")
        if said.name == DEFAULT and not form["conditions"]:
            default = said.effect
            continue
        everything.append(said)
        try:
            rules.append(_rule(form, said))
        except NotOurs as problem:
            raise PolicyError(
                f"{where}:{line}: policy {said.name!r}: {problem.args[0]}",
                mend=problem.args[1],
                details={"file": where, "line": line, "field": said.name},
            ) from None
        places["policy", "rules", len(rules) - 1] = line
    if not text.strip():
        raise PolicyError(
            f"{where}: there is no Cedar policy in it.", mend="Name a file of permit and forbid policies."
        )
    policy: dict[str, Any] = {"name": name, "default": default, "combining": combining, "rules": rules}
    if bands := _bands(everything, where):
        policy["bands"] = bands
    return PolicyDocument.build(policy, places=Places(where, places), **(sections or {}))


def _bands(policies: Sequence[Said], where: str) -> dict[str, Any]:
    """The security bands that the policies name: from the first to the last priority in each."""
    bands: dict[str, list[Said]] = {}
    for said in policies:
        if said.secures and said.band is not None:
            bands.setdefault(said.band, []).append(said)
    found = {}
    for name, held in bands.items():
        low, high = min(said.priority for said in held), max(said.priority for said in held)
        for said in policies:
            if said.effect is not Effect.ALLOW and said.band != name and low <= said.priority <= high:
                raise PolicyError(
                    f"{where}: policy {said.name!r} has a priority of the band {name!r} and is not in it.",
                    mend=f'Give it another priority, or @band("{name}").',
                )
        found[name] = {"priorities": [low, high], "security": True}
    return found


@dataclass(slots=True)
class _Targets:
    """For what a rule is; each may be said once, since there is no way to say that two lists must both match."""

    said: dict[str, list[str]] = field(default_factory=dict)

    def set(self, which: str, names: list[str]) -> None:
        if which in self.said:
            raise NotOurs(
                f"it names its {_TARGETS[which]} in two places that must both hold", "Write them as one, joined by ||."
            )
        self.said[which] = names


def _rule(form: Form, said: Said) -> dict[str, Any]:
    targets = _Targets()
    _scope(form, targets)
    restricts = said.effect is not Effect.ALLOW
    found: list[dict[str, Any]] = []
    for clause in form["conditions"]:
        if clause["kind"] == "unless":
            found += Reading(not restricts).all_of(conjuncts(clause["body"]), negated=True)
            continue
        rest = [term for term in conjuncts(clause["body"]) if not _is_target(term, targets)]
        found += Reading(restricts).all_of(rest)
    fields: dict[str, Any] = {
        "name": said.name, "description": said.description, "effect": said.effect, **targets.said,
        "conditions": _grouped(found), "priority": said.priority, "approval": said.approval,
        "obligations": said.obligations, "stride": said.stride, "compliance": said.compliance,
    }  # fmt: skip
    return {key: value for key, value in fields.items() if value not in ("", None, (), {})}


def _grouped(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One group of conditions, all of which must be met; in words of its own where two would stand under one key."""
    joined: dict[str, Any] = {}
    spare: list[dict[str, Any]] = []
    for part in found:
        for key, held in part.items():
            if key not in joined:
                joined[key] = held
            elif key not in {"all", "any", "not"} and joined[key].keys().isdisjoint(held):
                joined[key] = {**joined[key], **held}
            else:
                spare.append({key: held})
    if spare:
        joined["all"] = [*joined.get("all", []), *spare]
    return joined


def _scope(form: Form, targets: _Targets) -> None:
    principal, action, resource = form["principal"], form["action"], form["resource"]
    if principal["op"] in {"==", "in"} and "entity" in principal:
        targets.set("subjects", [_selector(principal["entity"])])
    elif principal["op"] != "All" and principal != {"op": "is", "entity_type": "User"}:
        raise NotOurs("its principal is none of ours", 'Write principal in Role::"…", User, Group, Team or Tenant.')
    if action["op"] in {"==", "in"}:
        entities = action.get("entities") or [action["entity"]]
        targets.set("actions", [_escaped(_named(entity, terms.ACTION)) for entity in entities])
    elif action["op"] != "All":
        raise NotOurs("its action is none of ours", 'Write action == Action::"data:read".')
    if resource["op"] == "==" and "entity" in resource:
        targets.set("resources", [_escaped(_named(resource["entity"], terms.RESOURCE))])
    elif resource["op"] != "All" and resource != {"op": "is", "entity_type": terms.RESOURCE}:
        raise NotOurs("its resource is none of ours", 'Write resource.name like "dataset://acme/*" in a when clause.')


def _is_target(term: Form, targets: _Targets) -> bool:
    """Whether the term only says for whom or what the rule is; then it is noted."""
    parts = alternatives(term)
    people = [_principal_in(part) for part in parts]
    if any(people):
        if not all(people):
            raise NotOurs("a principal stands beside conditions in ||", "Write two policies.")
        targets.set("subjects", [one for one in people if one])
        return True
    for which, path in (("actions", "action"), ("resources", "resource")):
        globs = [glob_of(part, path) for part in parts]
        if which not in targets.said and all(globs):
            targets.set(which, [glob for glob in globs if glob])
            return True
    return False


def _principal_in(term: Form) -> str | None:
    for operator in ("in", "=="):
        held = term.get(operator)
        if held and held["left"] == {"Var": "principal"}:
            entity = held["right"].get("Value", {})
            if isinstance(entity, dict) and "__entity" in entity:
                return _selector(entity["__entity"])
    return None


def _selector(entity: Form) -> str:
    kind = terms.KIND_OF_ENTITY.get(entity["type"])
    if kind is None:
        raise NotOurs(f"nobody is in a {entity['type']}", f"Use one of: {', '.join(terms.KIND_OF_ENTITY)}.")
    return f"{kind}:{entity['id']}"


def _named(entity: Form, kind: str) -> str:
    if entity["type"] != kind:
        raise NotOurs(f"a {entity['type']} stands where a {kind} belongs", f'Write {kind}::"…".')
    return str(entity["id"])


def _escaped(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)
