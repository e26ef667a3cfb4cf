"""Policy documents: a policy set and what it stands on, checked as a whole.

    document = load_policy(path.read_text(), where=str(path))
    document = PolicyDocument.build(PolicySet(...), approvals={"two": {"required": 2}})

A document that exists is sound: every path is known and typed, every operator fits, every approval rule that is named
exists. ``digest`` covers all of it, defaults written out: comments, key order and spelled-out defaults do not change
it, and a set built in Python has the digest of the same set in YAML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from govflow.errors import CanonicalError, PolicyError
from govflow.ir.canonical import canonical_digest
from govflow.ir.vocabulary import Vocabulary
from govflow.policy.approval_shape import in_use
from govflow.policy.attributes import AttributeSchema
from govflow.policy.checks import check_files
from govflow.policy.imports import Importer, Source, gather, merged
from govflow.policy.places import Places
from govflow.policy.rules import PolicySet
from govflow.policy.shape import PolicyFile, shape_error
from govflow.policy.toml_reader import read_toml
from govflow.policy.uncollected import uncollected
from govflow.policy.yaml_reader import read_yaml

IN_PYTHON: Final = "policy built in Python"


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A sound policy file. The plain mappings are raw values for the rooms that own them; do not change them."""

    where: str  # the file, for messages; not in the digest
    policy: PolicySet
    schema: AttributeSchema
    approvals: Mapping[str, Mapping[str, Any]]  # name to the fields of an approval rule that it uses
    principals: Mapping[str, Mapping[str, Any]]  # name to roles, and groups where there are any (lists of text)
    actions: tuple[str, ...]  # vocabulary that the file adds
    providers: tuple[str, ...]
    tiers: tuple[Mapping[str, Any], ...]  # tier rules, not parsed here
    digest: str  # ``sha256:<hex>`` of the canonical form of everything above but ``where``
    layers: Mapping[str, PolicyDocument] = field(default_factory=dict)  # where it stands for several: outermost first

    @classmethod
    def build(
        cls,
        policy: PolicySet | Mapping[str, Any],
        *,
        attributes: Mapping[str, str] | None = None,
        approvals: Mapping[str, Mapping[str, Any]] | None = None,
        principals: Mapping[str, Mapping[str, Any]] | None = None,
        actions: Sequence[str] = (),
        providers: Sequence[str] = (),
        tiers: Sequence[Mapping[str, Any]] = (),
        where: str = IN_PYTHON,
        vocabulary: Vocabulary | None = None,
        places: Places | None = None,
    ) -> PolicyDocument:
        """The same document that a file with these sections gives.

        ``places`` says where things stand, for messages, if the policy was read from something.

        Raises:
            PolicyError: as :func:`load_policy`, without line numbers that ``places`` does not hold.
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
        return _document([_shaped(sections, places or Places(where))], vocabulary)


@uncollected()
def load_policy(
    text: str, where: str, vocabulary: Vocabulary | None = None, *, importer: Importer | None = None
) -> PolicyDocument:
    """Read a policy file.

    Args:
        text: YAML, as :mod:`govflow.policy.yaml_reader` takes it, or TOML, as :mod:`govflow.policy.toml_reader` does,
            where the name of the file ends in ``.toml``.
        where: how messages name the file.
        vocabulary: the actions and providers that are registered, by default those that ship. The file's own come on
            top; an action glob that matches none of them all is refused as unknown.
        importer: reads the files that this one imports; without it a file that imports others is refused.

    Raises:
        PolicyError: the file, or one that it imports, cannot be used; names file, line, field and mend.
    """
    return _document(gather(_parsed(text, where), importer, _parsed), vocabulary)


def _parsed(text: str, where: str) -> Source:
    """One file, in shape."""
    if where.lower().endswith(".toml"):
        return _shaped(*read_toml(text, where))
    value, places = read_yaml(text, where)
    if not isinstance(value, dict):
        raise places.error((), "the file is not a mapping", "Start it with 'version: 1'.")
    return _shaped(value, places)


def _shaped(sections: Mapping[str, Any], places: Places) -> Source:
    try:
        return Source(PolicyFile.model_validate(dict(sections)), places)
    except ValidationError as invalid:
        raise shape_error(invalid, places) from None


def _document(sources: Sequence[Source], vocabulary: Vocabulary | None) -> PolicyDocument:
    """The document of these files, of which the last one imports the others."""
    file, places = merged(sources), sources[-1].places
    schema = check_files(sources, file, vocabulary or Vocabulary.default())
    plain = _plain(file)
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


def _plain(file: PolicyFile) -> dict[str, Any]:
    """The file as JSON values, without what its approval rules and principals do not use."""
    plain = file.model_dump(mode="json")
    people = {
        name: {field: value for field, value in person.items() if value or field != "groups"}
        for name, person in plain["principals"].items()
    }
    approvals = {name: in_use(rule) for name, rule in plain["approvals"].items()}
    return {**plain, "approvals": approvals, "principals": people}


_NEWER: Final = {"rules": ("compliance", "expires", "rollout", "stride"), "policy": ("bands", "exceptions")}
"""Fields that policies did without at first. Unused, they are no part of the digest, so that it stays what it was."""


def _digested(plain: Mapping[str, Any]) -> dict[str, Any]:
    """What the digest covers: everything but unused newer fields; imported files are in the other sections."""
    policy = plain["policy"]
    rules = [
        {key: value for key, value in rule.items() if value or key not in _NEWER["rules"]} for rule in policy["rules"]
    ]
    kept = {key: value for key, value in policy.items() if value or key not in _NEWER["policy"]}
    return {**{key: value for key, value in plain.items() if key != "imports"}, "policy": {**kept, "rules": rules}}


def _digest(plain: Mapping[str, Any], places: Places) -> str:
    try:
        return canonical_digest(_digested(plain), where="")
    except CanonicalError as problem:
        raise _named(problem, places) from None


def _named(problem: CanonicalError, places: Places) -> PolicyError:
    place = str(problem.details.get("path", ""))
    return PolicyError(
        f"{places.where}: {problem.message}", mend=problem.mend, details={"file": places.where, "field": place}
    )
