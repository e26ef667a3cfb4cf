"""What every use case stands on: settings, policy, tier rules, vocabulary, people, and the store when it is needed.

A workspace is one immutable set for as long as it is open. Opening it reads the policy file and the catalogues of
effects that are configured, and nothing else; the database is opened, and created, when ``store`` is first read. Where
the policy changes, another workspace takes its place, and both share the database.
"""

from __future__ import annotations

import getpass
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from govflow.approval import ApprovalRule, rule_from
from govflow.errors import PolicyError, PolicyUnsigned, RequestError, SettingsError
from govflow.governor.assess import Ground
from govflow.governor.providers import NONE, Providers
from govflow.identity import Assurance, Principal
from govflow.ir.models import Tier
from govflow.ir.vocabulary import Vocabulary
from govflow.planning.effects.catalogue import Catalogue
from govflow.policy import Engine, Layer, LayeredEngine, PolicyDocument, engine_of, starter
from govflow.policy.provided import check_agreement
from govflow.services.read_catalogue import read_catalogue
from govflow.services.read_policy import PolicyReading, take_layers, take_policy
from govflow.settings import Mode, Settings
from govflow.tiers import TierRules

if TYPE_CHECKING:
    from govflow.events.sinks import FanOut
    from govflow.store import Store

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._@+-]")


@dataclass(slots=True)
class _Held:
    """The database of a workspace, and of those that take its place."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    store: Store | None = None
    sinks: FanOut | None = None


@dataclass(slots=True)
class Workspace:
    """Everything that decisions and commands read. Made by :func:`open_workspace`; safe to share between threads.

    Attributes:
        settings: as loaded.
        document: the policy file, or the starter policy when none is configured.
        ground: what decisions stand on: engine, tier rules, tenant, environment, mode.
        vocabulary: the shipped actions and providers and those that the policy file registers.
        approvals: approval rules by name.
        principals: people of the policy file with their roles, by name.
        explicit: whether a policy file is configured.
        catalogue: what calls of outside code do, with the files of the setting ``effects``.
        reading: what the policy was read from; None where nobody has to know.
        opened_at: the time of a command at a desk, the same for all that it judges. Runs ask their port.
    """

    settings: Settings
    document: PolicyDocument
    ground: Ground
    vocabulary: Vocabulary
    approvals: Mapping[str, ApprovalRule]
    principals: Mapping[str, tuple[str, ...]]
    explicit: bool
    catalogue: Catalogue = field(default_factory=Catalogue.default)
    reading: PolicyReading | None = None
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _requester: Principal | None = None
    _held: _Held = field(default_factory=_Held, repr=False)

    @property
    def mode(self) -> Mode:
        """``observe`` or ``enforce``."""
        return self.settings.effective_mode

    @property
    def engine(self) -> Engine | LayeredEngine:
        """The policy engine of this workspace."""
        engine = self.ground.engine
        assert isinstance(engine, Engine | LayeredEngine)
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
        with self._held.lock:
            if self._held.store is None:
                from govflow.store import Store

                store = Store.open(self.settings.database_url, direct=self.settings.spool == "direct")
                if self.settings.sinks:
                    from govflow.services.event_sinks import tell_sinks

                    self._held.sinks = tell_sinks(store, self.settings)
                self._held.store = store
            return self._held.store

    @property
    def is_open(self) -> bool:
        """Whether the governance database is open."""
        return self._held.store is not None

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
        """Whoever has that name, with the roles and groups of the policy file and of the store together.

        It opens the database. What grants compares names exactly; what takes away does not: under any spelling of the
        name of a principal that was deactivated nobody acts.

        Raises:
            RequestError: it is no name of a principal.
            PrincipalInactive: the store has the principal as deactivated.
            StoreError: the database cannot be used.
        """
        claimed = self.as_policy_says(name, assurance)
        known = self.store.people.spellings(self.settings.tenant, name)
        for one in known:
            if not one.active:
                from govflow.store.people import inactive

                raise inactive(one.name)
        stored = next((one for one in known if one.name == name), None)
        if stored is None:
            return claimed
        return claimed.model_copy(
            update={
                "kind": stored.kind,
                "roles": tuple(dict.fromkeys((*claimed.roles, *stored.roles))),
                "groups": tuple(dict.fromkeys((*claimed.groups, *stored.groups))),
            }
        )

    def as_policy_says(self, name: str, assurance: Assurance = Assurance.CLAIMED) -> Principal:
        """The principal of that name as the policy file alone knows it; the database is not opened.

        For those whom policy rules are asked about: what the policy says of them must not hang on a database.

        Raises:
            RequestError: it is no name of a principal.
        """
        try:
            return Principal(
                name=name,
                roles=self.principals.get(name, ()),
                groups=tuple(self.document.principals.get(name, {}).get("groups", ())),
                assurance=assurance,
            )
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
        if self._requester is None:
            self._requester = self._found_requester()
        return self._requester

    def _found_requester(self) -> Principal:
        """Who it is, looked up once: a scan asks for every flow."""
        if self.settings.principal is None:
            return self.as_policy_says(_user_of_the_process())
        try:
            return self.as_policy_says(self.settings.principal)
        except RequestError as error:
            raise SettingsError(f"Setting principal: {error.message}", mend=error.mend) from None

    def known(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """The principals of the policy file in its form: name to ``{"roles": (...), "groups": (...)}``."""
        people = self.document.principals
        return {
            name: {"roles": roles, "groups": tuple(people.get(name, {}).get("groups", ()))}
            for name, roles in self.principals.items()
        }

    def close(self) -> None:
        """Give back the database, if it was opened. The workspace opens it again when it is needed."""
        with self._held.lock:
            store, self._held.store = self._held.store, None
        if store is not None:
            store.close()

    def with_policy(
        self, reading: PolicyReading | None, settings: Settings, providers: Providers | None = None
    ) -> Workspace:
        """What takes the place of this one where the policy changed. It has the same database.

        Args:
            reading: of the policy; None for the starter policy.
            settings: as loaded; what they say of the database is not looked at.
            providers: who gives attributes; None for those that this one has.

        Raises:
            PolicyError: the policy's tier rules, or a catalogue, cannot be used.
            VocabularyError: it registers a word that cannot be one.
        """
        same = settings.effects == self.settings.effects
        document = starter() if reading is None else reading.document
        asked = self.ground.providers if providers is None else providers
        fresh = workspace_with(settings, document, self.catalogue if same else None, asked)
        fresh.reading, fresh._held = reading, self._held
        return fresh

    def follows(self, other: Workspace) -> bool:
        """Whether both are of one line: the same but for the policy."""
        return self._held is other._held


def open_workspace(
    settings: Settings,
    read: Callable[[Settings], PolicyReading | None] | None = None,
    providers: Providers = NONE,
) -> Workspace:
    """Read the policy and the catalogues that ``settings`` name and put together what decisions stand on.

    Args:
        settings: as loaded.
        read: how the policy is read; :func:`configured_policy` where nothing else is said.
        providers: who gives attributes; at a desk nobody is asked.

    Raises:
        PolicyError: the policy file or a catalogue cannot be read or used.
        VocabularyError: it registers a word that cannot be one.
    """
    reading = (read or configured_policy)(settings)
    opened = workspace_with(settings, starter() if reading is None else reading.document, providers=providers)
    opened.reading = reading
    return opened


def workspace_with(
    settings: Settings,
    document: PolicyDocument,
    catalogue: Catalogue | None = None,
    providers: Providers = NONE,
) -> Workspace:
    """Put together what decisions stand on, with a policy that was read elsewhere.

    Args:
        settings: as loaded.
        document: the policy.
        catalogue: of effects; without it the one that the settings name is read.
        providers: who gives attributes.

    Raises:
        PolicyError: the policy's tier rules cannot be used, or it declares an attribute as something else than what
            its provider gives.
        VocabularyError: it registers a word that cannot be one.
    """
    explicit = settings.has_policy
    check_agreement(document, providers.all)
    ground = Ground(
        engine=engine_of(document),
        tiers=_tiers(document),
        tenant=settings.tenant,
        environment=settings.environment,
        mode=settings.effective_mode,
        providers=providers,
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
        catalogue=catalogue or read_catalogue(settings.effects),
    )


def configured_policy(settings: Settings) -> PolicyReading | None:
    """The policy that ``settings`` name, with what it was read from; None where they name none.

    Raises:
        PolicyError: it cannot be read or used, or is not signed as it has to be.
    """
    if settings.policy_layers:
        return take_layers({Layer(name): file for name, file in settings.policy_layers.items()}, settings.policy_keys)
    if settings.policy is not None:
        return take_policy(settings.policy, settings.policy_keys)
    if settings.policy_keys is None:
        return None
    raise PolicyUnsigned(
        "The setting policy_keys asks for a signed policy, and the setting policy names none.",
        mend="Set policy (GOVFLOW_POLICY) to the bundle, or take policy_keys away.",
        details={"cause": "unsigned"},
    )


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
