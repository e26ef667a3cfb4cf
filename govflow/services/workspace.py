"""What every use case stands on: settings, policy, tier rules, vocabulary, people, and the store when it is needed.

A workspace is one immutable set for as long as it is open. Opening it reads the policy file and the catalogues of
effects that are configured, and nothing else; the database is opened, and created, when ``store`` is first read.
"""

from __future__ import annotations

import getpass
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from govflow.approval import ApprovalRule, rule_from
from govflow.errors import PolicyError, RequestError, SettingsError
from govflow.governor.assess import Ground
from govflow.identity import Assurance, Principal
from govflow.ir.models import Tier
from govflow.ir.vocabulary import Vocabulary
from govflow.planning.effects.catalogue import Catalogue
from govflow.policy import Engine, PolicyDocument, load_policy, starter
from govflow.services.read_catalogue import read_catalogue
from govflow.services.regular_file import read_regular
from govflow.settings import Mode, Settings
from govflow.tiers import TierRules

if TYPE_CHECKING:
    from govflow.store import Store

_POLICY_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._@+-]")


@dataclass(slots=True)
class Workspace:
    """Everything that decisions and commands read. Made by :func:`open_workspace`; safe to share between threads.

    Attributes:
        settings: as loaded.
        document: the policy file, or the starter policy when none is configured.
        ground: what decisions stand on: engine, tier rules, tenant, environment, mode.
        vocabulary: the shipped actions and providers and those that the policy file registers.
        approvals: approval rules by name.
        principals: known people with their roles, by name.
        explicit: whether a policy file is configured.
        catalogue: what calls of outside code do, with the files of the setting ``effects``.
    """

    settings: Settings
    document: PolicyDocument
    ground: Ground
    vocabulary: Vocabulary
    approvals: Mapping[str, ApprovalRule]
    principals: Mapping[str, tuple[str, ...]]
    explicit: bool
    catalogue: Catalogue = field(default_factory=Catalogue.default)
    _store: Store | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def mode(self) -> Mode:
        """``observe`` or ``enforce``."""
        return self.settings.effective_mode

    @property
    def engine(self) -> Engine:
        """The policy engine of this workspace."""
        engine = self.ground.engine
        assert isinstance(engine, Engine)
        return engine

    @property
    def tiers(self) -> TierRules:
        """The tier rules, with those of the policy file."""
        return self.ground.tiers

    @property
    def store(self) -> Store:
        """The governance database, opened at the first use.

        Raises:
            StoreError: it cannot be opened, or a newer govflow wrote it.
        """
        with self._opening:
            if self._store is None:
                from govflow.store import Store

                self._store = Store.open(self.settings.database_url, direct=self.settings.spool == "direct")
            return self._store

    def approval_rule(self, name: str | None, tier: Tier) -> ApprovalRule:
        """The approval rule of that name; without a name one that asks anybody: one person, two at tier 3.

        Raises:
            PolicyError: no approval rule has that name: nobody could answer.
        """
        if name is None:
            return ApprovalRule(
                name=f"tier-{int(tier)}",
                required=2 if tier is Tier.HIGH else 1,
                ttl_seconds=self.settings.approval_ttl_seconds,
            )
        rule = self.approvals.get(name)
        if rule is None:
            known = ", ".join(sorted(self.approvals)) or "none"
            raise PolicyError(
                f"{self.document.where}: approvals.{name}: there is no approval rule {name!r}; there are: {known}.",
                mend=f"Add it under 'approvals' of {self.document.where}, or name one that is there.",
                details={"field": f"approvals.{name}"},
            )
        return rule

    def principal(self, name: str, assurance: Assurance = Assurance.CLAIMED) -> Principal:
        """The person of that name, with the roles that the policy file gives.

        Raises:
            RequestError: it is no name of a person.
        """
        try:
            return Principal(name=name, roles=self.principals.get(name, ()), assurance=assurance)
        except ValidationError:
            raise RequestError(
                f"{name!r} is no name of a person.",
                mend="Names start with a letter or digit and hold letters, digits and . _ @ + - (at most 128).",
                details={"field": "principal"},
            ) from None

    def requester(self) -> Principal:
        """Who asks for the runs of this process: the setting ``principal``, else the user that it runs as.

        Raises:
            SettingsError: the setting is no name of a person.
        """
        if self.settings.principal is None:
            return self.principal(_user_of_the_process())
        try:
            return self.principal(self.settings.principal)
        except RequestError as error:
            raise SettingsError(f"Setting principal: {error.message}", mend=error.mend) from None

    def known(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """The known principals in the form of a policy document: name to ``{"roles": (...)}``."""
        return {name: {"roles": roles} for name, roles in self.principals.items()}

    def close(self) -> None:
        """Give back the database, if it was opened. The workspace opens it again when it is needed."""
        with self._opening:
            store, self._store = self._store, None
        if store is not None:
            store.close()


def open_workspace(settings: Settings) -> Workspace:
    """Read the policy and the catalogues that ``settings`` name and put together what decisions stand on.

    Raises:
        PolicyError: the policy file or a catalogue cannot be read or used.
        VocabularyError: it registers a word that cannot be one.
    """
    return workspace_with(settings, _document(settings))


def workspace_with(settings: Settings, document: PolicyDocument) -> Workspace:
    """Put together what decisions stand on, with a policy that was read elsewhere.

    Raises:
        PolicyError: the policy's tier rules cannot be used.
        VocabularyError: it registers a word that cannot be one.
    """
    explicit = settings.policy is not None
    ground = Ground(
        engine=Engine(document),
        tiers=_tiers(document),
        tenant=settings.tenant,
        environment=settings.environment,
        mode=settings.effective_mode,
    )
    # A policy file states its times; the starter's are what the setting says.
    given = {} if explicit else {"ttl_seconds": settings.approval_ttl_seconds}
    approvals = {name: rule_from(name, {**rule, **given}) for name, rule in document.approvals.items()}
    return Workspace(
        settings=settings,
        document=document,
        ground=ground,
        vocabulary=Vocabulary.default().extended(document.actions, document.providers),
        approvals=MappingProxyType(approvals),
        principals=MappingProxyType({name: tuple(known["roles"]) for name, known in document.principals.items()}),
        explicit=explicit,
        catalogue=read_catalogue(settings.effects),
    )


def _document(settings: Settings) -> PolicyDocument:
    if settings.policy is None:
        return starter()
    return read_policy(settings.policy)


def read_policy(path: Path) -> PolicyDocument:
    """Load a policy file; action globs are checked against the registered vocabulary.

    Raises:
        PolicyError: the file is not there, is no text, or cannot be used.
    """
    if path.suffix.lower() not in _POLICY_SUFFIXES:
        raise PolicyError(
            f"{path}: policy files are YAML, named *.yaml or *.yml.",
            mend="A policy built in Python is given to PolicyDocument.build; it is not loaded from a path.",
            details={"file": str(path)},
        )
    try:
        text = read_regular(path)
    except FileNotFoundError:
        raise PolicyError(
            f"{path}: there is no such policy file.",
            mend="Mend the setting policy (GOVFLOW_POLICY), or copy govflow/policy/starter.yaml there.",
            details={"file": str(path)},
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"{path}: the policy file cannot be read: {error}.",
            mend="It must be a file of UTF-8 text that this user may read.",
            details={"file": str(path)},
        ) from None
    return load_policy(text, str(path))


def _tiers(document: PolicyDocument) -> TierRules:
    """The shipped rules and those of the policy file. JSON is YAML: the tier room reads, checks and names errors."""
    if not document.tiers:
        return TierRules.default()
    text = json.dumps({"version": 1, "rules": list(document.tiers)}, ensure_ascii=False)
    return TierRules.default().extended(TierRules.load(text, f"{document.where}: tiers"))


def _user_of_the_process() -> str:
    try:
        name = _NOT_IN_NAMES.sub("-", getpass.getuser()).lstrip("._@+-")[:128]
    except (OSError, KeyError, ImportError):
        name = ""
    return name or "unknown"
