"""Settings: where they come from, and one error for each way they can be wrong.

Strongest first: arguments, environment variables ``GOVFLOW_<NAME>``, ``[tool.govflow]`` of the nearest
``pyproject.toml`` that has it, ``[integrations.govflow]`` of the nearest ``prefect.toml`` that has it. The search goes
from the working directory upward and ends at the repository's root. ``prefect.toml`` is read as a file: Prefect is not
imported. An unknown key, or an unknown ``GOVFLOW_`` variable, is refused: a misspelt ``policy`` must not switch
enforcement off. Names that start with ``GOVFLOW__`` are govflow's own, passed between its processes.

Paths and relative SQLite URLs written in a file are relative to that file, those from elsewhere to the working
directory; ``~`` is the home directory.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from govflow.errors import SettingsError
from govflow.notify_settings import Target, TargetName, targets_of
from govflow.setting_layers import PREFIX, Layer, anchor_sqlite, by_layer, environment, file_layers, listed, upward
from govflow.sign_in_settings import JwtIssuer, OidcSettings, usable_address
from govflow.sink_settings import SinkName, SinkSettings, sinks_of

LOCK_NAME: Final = "govflow.lock"
_UNSHOWN: Final = frozenset(
    {"database_url", "jwt_issuers", "notify", "sinks", "oidc", "oidc_client_secret"}
)  # in errors
_YEAR: Final = 366 * 24 * 3600  # seconds; beyond it a time-to-live is a mistake

# What the log's redaction does to text, for a URL alone; a password may hold a raw "/" or "@", whatever RFC 3986 says.
_CREDENTIALS: Final = re.compile(r"(?P<before>://[^:/@]*):.*@")
_SECRET_QUERY: Final = re.compile(r"(?i)(?P<name>[?&][^=&]*(?:password|secret|token|key)[^=&]*)=[^&]*")

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?(?:/[A-Za-z0-9._~-]+)*"
)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

Mode = Literal["observe", "enforce"]
ApprovalBeforeImport = Literal["never", "effects", "plan"]
PolicyLayer = Literal["org", "tenant", "flow", "task"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=True)]


def default_database_url() -> str:
    """SQLite in ``~/.govflow``. Nothing is created here."""
    try:
        home = Path.home()
    except RuntimeError as error:
        raise SettingsError(
            "The home directory is not known, so there is no default database.", mend="Set GOVFLOW_DATABASE_URL."
        ) from error
    return f"sqlite:///{home.as_posix()}/.govflow/govflow.db"


def default_signing_key() -> Path:
    """The private key beside the default database. Nothing is created here."""
    try:
        return Path.home() / ".govflow" / "keys" / "signing.pem"
    except RuntimeError as error:
        raise SettingsError(
            "The home directory is not known, so there is no default signing key.", mend="Set GOVFLOW_SIGNING_KEY."
        ) from error


def nearest_lock(start: Path) -> Path:
    """``govflow.lock`` here or in the nearest folder above that has one, up to the top of the git repository.

    Relative to ``start``. Where there is none, or no repository, it is the one that would be written here.
    """
    above = list(upward(start))
    if (above[-1] / ".git").exists():
        for folder in above:
            if (folder / LOCK_NAME).is_file():
                return Path(os.path.relpath(folder / LOCK_NAME, start))
    return Path(LOCK_NAME)


def _auto(value: object) -> object:
    return None if value == "auto" else value


def _json(value: object) -> object:
    """A JSON object: what an environment variable can hold of a table."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("it is neither a table nor JSON") from None


def redact_url(url: str) -> str:
    """``url`` without its password and without query values whose name tells a secret."""
    return _SECRET_QUERY.sub(r"\g<name>=***", _CREDENTIALS.sub(r"\g<before>:***@", url))


class Settings(BaseSettings):
    """What govflow was told. Frozen; made by :func:`load_settings`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=False)

    mode: Annotated[Mode | None, BeforeValidator(_auto)] = Field(
        default=None, description="observe records, enforce stops; auto: enforce once a policy is configured."
    )
    policy: Path | None = Field(
        default=None, description="Policy file (YAML), or block:NAME for one that Prefect's server keeps."
    )
    policy_layers: Annotated[Mapping[PolicyLayer, Path], BeforeValidator(by_layer)] = Field(
        default_factory=dict, description="Several policy files at once instead of one: org, tenant, flow, task."
    )
    policy_keys: Path | None = Field(
        default=None, description="The public keys that sign policies (a JWK set): only a signed bundle is loaded then."
    )
    effects: Annotated[tuple[Path, ...], BeforeValidator(listed)] = Field(
        default=(), description="Catalogues of effects (YAML) on top of the one that ships; a later one is stronger."
    )
    attribute_providers: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        default=(),
        description="Who gives attributes to the policy: entry points of group govflow.attributes, or MODULE:OBJECT.",
    )
    database_url: str = Field(
        default_factory=default_database_url, repr=False, description="sqlite:///FILE or postgresql://…"
    )
    tenant: Name = Field(default="default", description="Whose log and approvals these are.")
    environment: Name = Field(default="development", description="Where this runs, for rules and tiers.")
    principal: Name | None = Field(default=None, description="Who asks; without it the user of the process.")
    owners: Annotated[tuple[Name, ...], BeforeValidator(listed)] = Field(
        default=(), description="Who owns what starts the runs of this process: their answers do not count either."
    )
    approval_ttl_seconds: int = Field(
        default=3600, gt=0, le=_YEAR, description="How long an approval can be given and claimed, in seconds."
    )
    answer_limit: int = Field(
        default=10, ge=1, le=10_000, description="How many wrong answers of one person or token are taken in a minute."
    )
    approval_wait: Literal["auto", "pause", "suspend"] = Field(
        default="auto", description="How a run waits: pause holds its process, suspend frees the worker."
    )
    signer: Literal["embedded", "process"] = Field(
        default="embedded",
        description="Who signs permits: the flow's own process, or one that `govflow up` or `govflow signer` runs.",
    )
    signing_key: Path | None = Field(
        default=None, description="The private key that signs permits; without it ~/.govflow/keys/signing.pem."
    )
    permit_keys: Path | None = Field(
        default=None, description="The public keys that permits are checked with (a JWK set); else the database's."
    )
    permit_ttl_seconds: int = Field(
        default=900, ge=10, le=24 * 3600, description="How long a permit counts before it is renewed, in seconds."
    )
    seal_runs: bool = Field(default=True, description="Whether the end of a run makes a checkpoint of the audit log.")
    seal_records: int = Field(
        default=10_000, ge=0, description="How many records make a checkpoint of the audit log; 0: no number does."
    )
    seal_seconds: int = Field(
        default=60,
        ge=0,
        le=_YEAR,
        description="How old a record gets without a checkpoint while runs go on; 0: any age.",
    )
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="How long records of the audit log are kept where they are pruned; unset: none is.",
    )
    witnesses: Annotated[Mapping[str, str], BeforeValidator(_json)] = Field(
        default_factory=dict,
        description="Who cosigns checkpoints of the audit log: the address of each witness to its verifier key.",
    )
    approval_before_import: ApprovalBeforeImport = Field(
        default="effects",
        description="When a guarded deployment asks before its code is loaded: never; effects: when loading it does "
        "something; plan: also when policy asks for approval of any step.",
    )
    console_url: str = Field(
        default="http://127.0.0.1:4300", description="Where people reach the console: http:// or https://."
    )
    notify: Annotated[Mapping[TargetName, Target], BeforeValidator(targets_of)] = Field(
        default_factory=dict,
        repr=False,
        description="Where messages about approvals go: name to an Apprise address, block:TYPE/NAME, or a table.",
    )
    sinks: Annotated[Mapping[SinkName, SinkSettings], BeforeValidator(sinks_of)] = Field(
        default_factory=dict,
        repr=False,
        description="Where events go besides Prefect: name to a table with file, webhook, syslog or function.",
    )
    message_days: int = Field(
        default=90, ge=2, le=3660, description="How long messages about decided requests are kept, in days."
    )
    jwt_issuers: Annotated[Mapping[str, JwtIssuer], BeforeValidator(_json)] = Field(
        default_factory=dict, description="Who signs bearer tokens for REST: issuer to audience, algorithms and keys."
    )
    oidc: Annotated[OidcSettings | None, BeforeValidator(_json)] = Field(
        default=None, description="The OpenID Connect provider at which people sign in: issuer, client_id and more."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="What the provider gave us with the client_id; from the environment, not a file."
    )
    oidc_create: Annotated[tuple[Name, ...] | None, BeforeValidator(listed)] = Field(
        default=None, description="The roles of whoever signs in for the first time; without it nobody is made known."
    )
    lock: Path = Field(default_factory=lambda: nearest_lock(Path.cwd()), description="The lock file.")
    spool: Literal["file", "direct"] = Field(
        default="file", description="file: records pass through a local spool; direct: straight to the database."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Form of log lines; auto: console on a terminal, else json."
    )
    debug: bool = Field(default=False, description="Debug records, and tracebacks from the command line.")

    _explicit: frozenset[str] | None = PrivateAttr(default=None)

    @property
    def effective_mode(self) -> Mode:
        """``mode``, or what it defaults to."""
        return self.mode or ("enforce" if self.has_policy or self.policy_keys is not None else "observe")

    @property
    def has_policy(self) -> bool:
        """Whether a policy is configured: one file, or layers of them."""
        return self.policy is not None or bool(self.policy_layers)

    @property
    def explicit(self) -> frozenset[str]:
        """The names of what an argument or an environment variable gave, and no file.

        Of settings that :func:`load_settings` did not make it is not known: there it is all that was given.
        """
        return frozenset(self.model_fields_set) if self._explicit is None else self._explicit

    @property
    def redacted_url(self) -> str:
        """``database_url`` fit to be shown."""
        return redact_url(self.database_url)

    @field_validator("policy", "policy_keys", "lock", "signing_key", "permit_keys", mode="after")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value is not None else None

    @field_validator("policy_layers", mode="after")
    @classmethod
    def _one_way(cls, value: Mapping[str, Path], info: ValidationInfo) -> Mapping[str, Path]:
        if not value:  # would take away those of a weaker place, and with them enforcement
            raise ValueError("it names no layer; leave the setting out")
        if info.data.get("policy") is not None:
            raise ValueError("the setting policy names a file too; name that one as a layer")
        return {layer: path.expanduser() for layer, path in value.items()}

    @field_validator("effects", mode="after")
    @classmethod
    def _expand_homes(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser() for path in value)

    @field_validator("witnesses", mode="after")
    @classmethod
    def _check_witnesses(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for url in value:
            if not usable_address(url):
                raise ValueError("the address of a witness is https://, or http:// on this machine")
        return value

    @field_validator("console_url", mode="after")
    @classmethod
    def _check_origin(cls, value: str) -> str:
        """Cookies and redirects hang on it. Off this machine a secret must not travel in clear."""
        found = _ORIGIN.fullmatch(value.rstrip("/"))
        if found is None:
            raise ValueError("write https://HOST or https://HOST:PORT, and after it at most a path")
        if found["scheme"] == "http" and found["host"] not in _LOOPBACK:
            raise ValueError("http is for 127.0.0.1, localhost and [::1] alone; write https://")
        return value.rstrip("/")

    @field_validator("database_url", mode="after")
    @classmethod
    def _check_url(cls, value: str) -> str:
        # The message must not quote the value: it may hold a password.
        scheme, found, _ = value.partition("://")
        if not found or scheme.partition("+")[0] not in {"sqlite", "postgresql"}:
            raise ValueError("it is not a database URL; write sqlite:///path/to/file.db or postgresql://user@host/name")
        return anchor_sqlite(value, None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then :func:`layers`; no ``.env`` file and no secrets directory."""
        return (init_settings, *(_LayerSource(settings_cls, layer) for layer in layers()))

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.shown().items())

    def shown(self) -> dict[str, object]:
        """Every setting as JSON data fit to be shown."""
        secret = None if self.oidc_client_secret is None else "***"
        shown = {"database_url": self.redacted_url, "oidc_client_secret": secret}
        return {**self.model_dump(mode="json"), **shown}


class _LayerSource(PydanticBaseSettingsSource):
    def __init__(self, settings_cls: type[BaseSettings], layer: Layer) -> None:
        super().__init__(settings_cls)
        self._layer = layer

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._layer.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._layer.values)


def load_settings(**overrides: Any) -> Settings:
    """Read and check the settings of this process.

    Args:
        **overrides: strongest of all; ``None`` means "not given".

    Raises:
        SettingsError: an unknown key, a value that cannot be used, or a file that cannot be read. It names the place.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    environment, *files = layers()
    found = [Layer("argument", given), environment, *files]
    problems = [problem for layer in found for problem in unknown_keys(layer)]
    if problems:
        raise problems[0]
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise _explain(error, found) from None  # the cause quotes the value, which may be a secret
    settings._explicit = frozenset({*given, *environment.values})
    return settings


def stated_mode() -> Mode:
    """The mode that the settings give; where they cannot be used, enforce unless the environment says observe."""
    try:
        return load_settings().effective_mode
    except SettingsError:
        return "observe" if os.environ.get(f"{PREFIX}MODE") == "observe" else "enforce"


def layers() -> list[Layer]:
    """The places that give settings besides arguments, strongest first."""
    return [environment(os.environ, Settings.model_fields), *file_layers(Path.cwd())]


def unknown_keys(layer: Layer) -> Iterator[SettingsError]:
    """One error for each key of ``layer`` that is not a setting."""
    for key in layer.values:
        if key in Settings.model_fields:
            continue
        place = layer.name_of(key)
        guess = difflib.get_close_matches(key.lower().replace("-", "_"), Settings.model_fields, n=1, cutoff=0.6)
        like = layer.places and f"{PREFIX}{guess[0].upper()}" if guess and layer.places else guess[0] if guess else None
        known = ", ".join(Settings.model_fields)
        yield SettingsError(
            f"Unknown setting {place}.",
            mend=f"Did you mean {like}?" if like else f"Settings are: {known}.",
            details={"place": layer.place, "key": key, "did_you_mean": like},
        )


def _explain(error: ValidationError, found: list[Layer]) -> SettingsError:
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0]) if first["loc"] else "settings"
    layer = next((layer for layer in found if key in layer.values), None)
    place = layer.name_of(key) if layer else key
    said = first["msg"].removeprefix("Value error, ")
    value = "" if key in _UNSHOWN else f" = {first.get('input')!r}"
    place = ".".join([place, *map(str, first["loc"][1:])]) if key in _UNSHOWN else place
    described = Settings.model_fields[key].description if key in Settings.model_fields else None
    return SettingsError(
        f"Setting {place}{value} cannot be used: {said[:1].lower()}{said[1:]}.",
        mend=f"{key}: {described}" if described else "",
        details={"place": layer.place if layer else "default", "key": key},
    )
