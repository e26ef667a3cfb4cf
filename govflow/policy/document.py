"""Policy documents: a policy set and what it stands on, checked as a whole.

    document = load_policy(path.read_text(), where=str(path))
    document = PolicyDocument.build(PolicySet(...), approvals={"two": {"required": 2}})

A document that exists is sound: every path is known and typed, every operator fits, every approval rule that is named
exists. ``digest`` covers all of it, defaults written out: comments, key order and spelled-out defaults do not change
it, and a set built in Python has the digest of the same set in YAML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from govflow.errors import CanonicalError, PolicyError
from govflow.ir.canonical import canonical_digest
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.attributes import AttributeSchema
from govflow.policy.checks import check_file
from govflow.policy.places import Places
from govflow.policy.rules import PolicySet
from govflow.policy.shape import PolicyFile, shape_error
from govflow.policy.yaml_reader import read_yaml

IN_PYTHON: Final = "policy built in Python"


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A sound policy file. The plain mappings are raw values for the rooms that own them; do not change them."""

    where: str  # the file, for messages; not in the digest
    policy: PolicySet
    schema: AttributeSchema
    approvals: Mapping[str, Mapping[str, Any]]  # name to required (int), approvers (list of text), ttl_seconds (int)
    principals: Mapping[str, Mapping[str, Any]]  # name to roles (list of text)
    actions: tuple[str, ...]  # vocabulary that the file adds
    providers: tuple[str, ...]
    tiers: tuple[Mapping[str, Any], ...]  # tier rules, not parsed here
    digest: str  # ``sha256:<hex>`` of the canonical form of everything above but ``where``

    @classmethod
    def build(
        cls,
        policy: PolicySet,
        *,
        attributes: Mapping[str, str] | None = None,
        approvals: Mapping[str, Mapping[str, Any]] | None = None,
        principals: Mapping[str, Mapping[str, Any]] | None = None,
        actions: Sequence[str] = (),
        providers: Sequence[str] = (),
        tiers: Sequence[Mapping[str, Any]] = (),
        where: str = IN_PYTHON,
        vocabulary: Vocabulary | None = None,
    ) -> PolicyDocument:
        """The same document that a file with these sections gives.

        Raises:
            PolicyError: as :func:`load_policy`, without line numbers.
        """
        sections = {
            "version": 1,
            "policy": policy,
            "attributes": dict(attributes or {}),
            "approvals": {name: dict(rule) for name, rule in (approvals or {}).items()},
            "principals": {name: dict(principal) for name, principal in (principals or {}).items()},
            "actions": list(actions),
            "providers": list(providers),
            "tiers": [dict(rule) for rule in tiers],
        }
        return _document(sections, Places(where), vocabulary)


def load_policy(text: str, where: str, vocabulary: Vocabulary | None = None) -> PolicyDocument:
    """Read a policy file.

    Args:
        text: YAML, as :mod:`govflow.policy.yaml_reader` takes it.
        where: how messages name the file.
        vocabulary: the actions and providers that are registered, by default those that ship. The file's own come on
            top; an action glob that matches none of them all is refused as unknown.

    Raises:
        PolicyError: the file cannot be used; names file, line, field and mend.
    """
    value, places = read_yaml(text, where)
    if not isinstance(value, dict):
        raise places.error((), "the file is not a mapping", "Start it with 'version: 1'.")
    return _document(value, places, vocabulary)


def _document(sections: Mapping[str, Any], places: Places, vocabulary: Vocabulary | None) -> PolicyDocument:
    try:
        file = PolicyFile.model_validate(dict(sections))
    except ValidationError as invalid:
        raise shape_error(invalid, places) from None
    schema = check_file(file, places, vocabulary or Vocabulary.default())
    plain = file.model_dump(mode="json")
    return PolicyDocument(
        where=places.where,
        policy=file.policy,
        schema=schema,
        approvals=plain["approvals"],
        principals=plain["principals"],
        actions=tuple(file.actions),
        providers=tuple(file.providers),
        tiers=tuple(plain["tiers"]),
        digest=_digest(plain, places),
    )


def _digest(plain: Mapping[str, Any], places: Places) -> str:
    try:
        return canonical_digest(plain, where="")
    except CanonicalError as problem:
        raise _named(problem, places) from None


def _named(problem: CanonicalError, places: Places) -> PolicyError:
    place = str(problem.details.get("path", ""))
    return PolicyError(
        f"{places.where}: {problem.message}", mend=problem.mend, details={"file": places.where, "field": place}
    )
