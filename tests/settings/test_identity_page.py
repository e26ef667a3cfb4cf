"""What the page on identity says to configure can be configured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govflow.approval.tokens import SECRET_PATTERN as TOKENS
from govflow.errors import SettingsError
from govflow.identity import SecretKind, life_times
from govflow.identity.bearer_secrets import SECRET_PATTERN
from govflow.settings import Settings, load_settings
from govflow.sign_in_settings import JwtIssuer, OidcSettings

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GOVFLOW_{name.upper()}", raising=False)
    return tmp_path


def test_the_settings_of_the_page_are_settings(project: Path) -> None:
    (project / "pyproject.toml").write_text("\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)))
    found = load_settings()
    assert found.oidc is not None and found.oidc.allowed_domains == ("example.org",)
    assert found.oidc.discovery == "https://idp.example.org/realms/main/.well-known/openid-configuration"
    (issuer,) = found.jwt_issuers.values()
    assert issuer.jwks == project / "governance" / "ci-keys.json", "beside the file that names it"


def test_every_key_is_on_the_page() -> None:
    keys = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    assert set(OidcSettings.model_fields) | set(JwtIssuer.model_fields) <= keys


def test_the_page_says_how_long_things_live() -> None:
    hours = {name: int(getattr(life_times, name).total_seconds() // 3600) for name in ("LINK", "SESSION", "IDLE")}
    assert f"{hours['LINK']} hours, {life_times.LONGEST_LINK.days} days at most" in PAGE
    assert f"{hours['IDLE']} hours without use; {hours['SESSION']} hours in all" in PAGE
    assert f"{life_times.API_KEY.days} days, {life_times.LONGEST_API_KEY.days} at most" in PAGE


def test_the_pattern_for_scanners_finds_every_secret() -> None:
    (pattern,) = re.findall(r"search for `(gf\S+)`", PAGE)
    for prefix in ("gfa_", *SecretKind):
        secret = f"{prefix}{'A' * 43}"
        assert re.fullmatch(pattern, secret)
        assert SECRET_PATTERN.fullmatch(secret) or TOKENS.fullmatch(secret)


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://idp.example.org"},
        {"issuer": "https://user@idp.example.org"},
        {"metadata_url": "https://idp.example.org/?x=1"},
        {"client_id": ""},
        {"scopes": ["profile"]},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"allowed_domains": ["*"]},
        {"allowed_domains": ["@example.org"]},
        {"client_secret": "canary"},
    ],
)
def test_a_provider_that_would_let_anybody_in_cannot_be_configured(project: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="oidc") as error:
        load_settings(oidc={"issuer": "https://idp.example.org", "client_id": "x", **wrong})
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "ftp://x",
        "https://example.org/?q=1",
        "https://example.org//x",
        "https://u:p@example.org",
        "//x",
        "",
    ],
)
def test_a_console_that_secrets_would_reach_in_clear_cannot_be_configured(project: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="console_url"):
        load_settings(console_url=url)


def test_the_clients_secret_is_never_shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVFLOW_OIDC_CLIENT_SECRET", "canary-of-a-secret")
    found = load_settings()
    assert found.oidc_client_secret is not None
    assert found.oidc_client_secret.get_secret_value() == "canary-of-a-secret"
    assert "canary" not in f"{found} {found!r} {found.shown()} {found.model_dump_json()}"
