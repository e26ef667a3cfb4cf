"""Which attributes somebody provides: a rule that reads another one reads what is always missing.

Built-in paths are provided by every governed run, ``parameters.*`` by each call. All else comes from providers, which
are asked outside of this room; here they are a name and the paths that they give.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Protocol

from govflow.errors import PolicyError
from govflow.policy.attributes import BUILT_IN, OPEN
from govflow.policy.conditions import paths_of
from govflow.policy.document import PolicyDocument
from govflow.policy.model import Effect
from govflow.policy.rules import RuleMode


class Provides(Protocol):
    """Somebody who gives attributes: what is known of them without asking."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def provides(self) -> Mapping[str, str]:
        """Paths to types, as a policy file declares them under ``attributes``."""


@dataclass(frozen=True, slots=True)
class Unprovided:
    """A rule, or an exception, reads an attribute that nobody provides."""

    where: str  # the policy file
    field: str  # ``policy.rules.NAME.conditions``, likewise for exceptions and for ``rollout.by``
    path: str  # the attribute
    message: str
    mend: str


def unprovided(document: PolicyDocument, providers: Iterable[Provides] = ()) -> tuple[Unprovided, ...]:
    """What rules and exceptions read that no governed run tells them, in the order of the file.

    Args:
        document: the policy.
        providers: those that are configured.
    """
    given = frozenset(path for provider in providers for path in provider.provides)
    return tuple(one for part in _parts(document) for one in _found(part, given))


def _parts(document: PolicyDocument) -> list[PolicyDocument]:
    return list(document.layers.values()) or [document]


def _found(document: PolicyDocument, given: Collection[str]) -> Iterator[Unprovided]:
    for rule in document.policy.rules:
        if rule.mode is RuleMode.OFF:
            continue
        always = "never met" if rule.effect is Effect.ALLOW else "always met"
        place = f"policy.rules.{rule.name}"
        for path in _missing(paths_of(rule.conditions), given):
            what = f"rule {rule.name!r} reads {path!r}, and nobody provides it: its condition is {always}"
            yield _said(document, f"{place}.conditions", path, what)
        if rule.rollout is not None:
            share = "never decides" if rule.effect is Effect.ALLOW else "decides for all"
            for path in _missing({rule.rollout.by}, given):
                what = f"rule {rule.name!r} is rolled out by {path!r}, and nobody provides it: it {share}"
                yield _said(document, f"{place}.rollout.by", path, what)
    for exception in document.policy.exceptions:
        for path in _missing(paths_of(exception.conditions), given):
            what = f"exception {exception.name!r} reads {path!r}, and nobody provides it: it is never honoured"
            yield _said(document, f"policy.exceptions.{exception.name}.conditions", path, what)


def _missing(paths: Collection[str], given: Collection[str]) -> list[str]:
    return sorted(
        path for path in paths if path not in BUILT_IN and path not in given and path.partition(".")[0] != OPEN
    )


def _said(document: PolicyDocument, field: str, path: str, what: str) -> Unprovided:
    mend = "Name who provides it in the setting attribute_providers, or take the condition out."
    return Unprovided(document.where, field, path, f"{document.where}: {field}: {what}.", mend)


def check_agreement(document: PolicyDocument, providers: Iterable[Provides]) -> None:
    """Hold what providers give against what the policy declares.

    Raises:
        PolicyError: the two say different types of one path.
    """
    for part, provider in product(_parts(document), tuple(providers)):
        for path, kind in provider.provides.items():
            declared = part.schema.find(path)
            if declared is None or declared.type == kind or (declared.type, kind) == ("number", "int"):
                continue
            raise PolicyError(
                f"{part.where}: attributes.{path}: it is declared as {declared.type}, and provider "
                f"{provider.name!r} gives {kind}.",
                mend=f"Declare it as {kind}, or have the provider give {declared.type}.",
                details={"field": f"attributes.{path}", "provider": provider.name},
            )
