"""What the doctor says of signing in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from govflow.errors import SettingsError
from govflow.services.check_sign_in import ways_in
from govflow.services.doctor import check_sign_in
from govflow.services.health import Health
from govflow.settings import load_settings
from tests.identity.tokens import EC_KEY, JWKS, jwk

ISSUER = {"audience": "govflow", "algorithms": ["RS256"], "keys": JWKS}


def test_the_ways_in_are_told() -> None:
    oidc = {"issuer": "https://idp.example.org", "client_id": "x"}
    found = check_sign_in(load_settings(oidc=oidc, jwt_issuers={"https://ci.example.org": ISSUER}))
    assert found.health is Health.OK
    for way in ("links to http://127.0.0.1:4300", "OIDC at https://idp", "tokens of https://ci", "API keys"):
        assert way in found.what


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"oidc_create": ["viewer"]}, "no provider is"),
        ({"oidc_client_secret": "canary"}, "no provider is"),
        ({"jwt_issuers": {"x": {**ISSUER, "keys": {"keys": [jwk(EC_KEY, "ec")]}}}}, "no key of x"),
        ({"jwt_issuers": {"x": {**ISSUER, "keys": {}}}}, "no JWK set"),
        ({"jwt_issuers": {"x": {**ISSUER, "keys": None, "jwks": Path("/nowhere.json")}}}, "cannot be read"),
    ],
)
def test_a_way_that_leads_nowhere_is_a_failure(settings: dict[str, Any], why: str) -> None:
    loaded = load_settings(**settings)
    with pytest.raises(SettingsError, match=why):
        ways_in(loaded)
    found = check_sign_in(loaded)
    assert found.health is Health.FAIL and "canary" not in found.what
