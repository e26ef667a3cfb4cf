"""Requests that show something: built from what rules ask, and told only after the engine has agreed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice, product
from typing import Any, Final

from govflow.policy.analysis.formulas import Want
from govflow.policy.analysis.globsets import TooLarge, common
from govflow.policy.analysis.solving import Values, solutions
from govflow.policy.analysis.views import RuleView, Target
from govflow.policy.document import PolicyDocument
from govflow.policy.engine import Engine
from govflow.policy.globs import NoNormalForm, compile_glob, normal_resource
from govflow.policy.model import PolicyRequest

_SOME_RESOURCE: Final = "dataset://example/x"
_PROVIDER: Final = "python"
_ONE_EACH: Final = ("user:", "tenant:")  # a request has one of each at most
_MOST_TRIED: Final = 48  # requests for one witness


class Prover:
    """Builds requests and has them confirmed.

    Rules match or do not whatever others stand beside them, so a policy of only the rules in question is asked; it
    costs the same however many rules there are.
    """

    def __init__(self, document: PolicyDocument) -> None:
        self._document = document

    def matching(self, rules: Sequence[RuleView]) -> PolicyRequest | None:
        """A request that all of these rules match, and in which each of them decides that has the chance to."""
        engine = self._engine(rules)
        names = {rule.name for rule in rules}
        tried = islice(requests_for(rules), _MOST_TRIED)
        return next((request for request in tried if names <= set(engine.matching(request))), None)

    def _engine(self, rules: Sequence[RuleView]) -> Engine:
        names = {rule.name for rule in rules}
        policy = self._document.policy
        kept = policy.model_copy(
            update={
                "rules": tuple(rule.rule for rule in rules),
                "exceptions": tuple(one for one in policy.exceptions if one.rule in names),
            }
        )
        return Engine(replace(self._document, policy=kept))


def requests_for(rules: Sequence[Target]) -> Iterator[PolicyRequest]:
    """Requests that may match all of these; what they ask in common is looked for in each part."""
    actions = sorted(frozenset.intersection(*(rule.registered for rule in rules)))
    resources = list(common_resources([rule.resources for rule in rules]))
    if not actions or not resources:
        return
    people = list(_people([rule.subjects for rule in rules]))
    met = [rule.ways(Want.MET) for rule in rules]
    values: list[Values] = [] if None in met else list(solutions(*(ways for ways in met if ways is not None)))
    for held, selectors in product(values, people):
        chosen = [*_named_resources(held), *resources]
        wanted = held.get("action")
        for resource, action in product(chosen, [wanted] if isinstance(wanted, str) else actions[:2]):
            yield request_with(held, action=action, resource=resource, selectors=selectors)


def request_with(values: Values, *, action: str, resource: str, selectors: Collection[str]) -> PolicyRequest:
    """A request whose attributes have these values."""
    spaces: dict[str, Any] = {}
    for path, value in sorted(values.items()):
        space, mark, rest = path.partition(".")
        if not mark or space == "resource" or value is None:
            continue
        inside = spaces.setdefault(space, {})
        *around, last = rest.split(".")
        for key in around:
            inside = inside.setdefault(key, {})
        if isinstance(inside, dict):
            inside[last] = value
    provider = values.get("provider")
    _name_subject(spaces, selectors, values)
    return PolicyRequest(
        frozenset(selectors), action, provider if isinstance(provider, str) else _PROVIDER, resource, spaces
    )


def common_resources(globs: Sequence[Sequence[str]]) -> Iterator[str]:
    """Resources, in normal form, that one glob of each sequence matches; those that read well come first."""
    for chosen in product(*globs):
        text = shared(tuple(chosen))
        if text is None:
            continue
        for spelled in dict.fromkeys((_SOME_RESOURCE, text + "x", text, "x" + text)):
            if _is_normal(spelled) and all(compile_glob(pattern)(spelled) for pattern in chosen):
                yield spelled


@lru_cache(maxsize=16_384)
def shared(globs: tuple[str, ...]) -> str | None:
    """A text that all of the globs match; ``None`` if there is none or it was not found."""
    try:
        return common(globs, ())
    except TooLarge:
        return None


def _is_normal(resource: str) -> bool:
    try:
        return resource != "" and normal_resource(resource) == resource
    except NoNormalForm:
        return False


def _named_resources(values: Values) -> Iterator[str]:
    """Resources that have the parts that are asked for."""
    if isinstance(whole := values.get("resource"), str):
        yield whole
    scheme, authority, path = (values.get(f"resource.{part}") for part in ("scheme", "authority", "path"))
    if scheme or authority or path:
        yield f"{scheme or 'dataset'}://{authority or 'example'}{path or '/x'}"
        yield f"{scheme}://{authority or ''}{path or ''}" if scheme else str(path or "")


def _people(subjects: Sequence[frozenset[str] | None]) -> Iterator[frozenset[str]]:
    """Selectors of somebody for whom all of the rules are; nobody has two names or two tenants."""
    choices = [sorted(named) for named in subjects if named is not None]
    for chosen in product(*choices):
        selectors = frozenset(chosen)
        if all(sum(one.startswith(kind) for one in selectors) < 2 for kind in _ONE_EACH):
            yield selectors


def _name_subject(spaces: dict[str, Any], selectors: Collection[str], values: Values) -> None:
    """The attributes that say the same as the selectors, where nothing else is wanted of them."""
    kinds: dict[str, list[str]] = {}
    for selector in sorted(selectors):
        kind, _, name = selector.partition(":")
        kinds.setdefault(kind, []).append(name)
    subject = {"name": kinds.get("user", [None])[0], "roles": kinds.get("role")}
    subject |= {"groups": kinds.get("group"), "teams": kinds.get("team")}
    for key, value in subject.items():
        if value is not None and f"subject.{key}" not in values:
            spaces.setdefault("subject", {})[key] = value
    if "tenant" in kinds and "run.tenant" not in values:
        spaces.setdefault("run", {})["tenant"] = kinds["tenant"][0]
