"""Keys and bundles for tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from govflow.audit.dsse import encoding
from govflow.bundles import make_bundle
from govflow.bundles.envelope import PAYLOAD_TYPE
from govflow.ir.canonical import canonical
from govflow.permits.keys import SigningKey

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAROL = SigningKey.from_seed(b"\1" * 32)
MALLORY = SigningKey.from_seed(b"\2" * 32)
KEYS = {CAROL.kid: CAROL.public}
WHERE = "policy.bundle.json"

POLICY = """\
version: 1
imports: [teams/data.yaml]
policy:
  name: acme
  rules:
    - {name: reads, effect: allow, actions: ["data:read"]}  # everybody may look
"""
DATA = "version: 1\nimports: [../../company.yaml]\npolicy: {name: data, rules: [{name: no-drop, effect: deny}]}\n"
COMPANY = "version: 1\npolicy: {name: company, rules: [{name: company, effect: deny, actions: ['data:delete']}]}\n"
FILES = {"policy.yaml": POLICY, "teams/data.yaml": DATA, "../company.yaml": COMPANY}


def a_bundle(files: dict[str, str] | None = None, key: SigningKey = CAROL, **said: Any) -> str:
    """A good bundle, made at noon by carol."""
    return make_bundle(files or FILES, key, **{"made_by": "carol", "made_at": NOON, **said})


def envelope_of(text: str) -> dict[str, Any]:
    """The envelope as values."""
    found: dict[str, Any] = json.loads(text)
    return found


def payload_of(text: str) -> dict[str, Any]:
    """What the envelope holds, as values."""
    found: dict[str, Any] = json.loads(base64.b64decode(envelope_of(text)["payload"]))
    return found


def signed_over(payload: bytes, key: SigningKey = CAROL, kind: str = PAYLOAD_TYPE, **envelope: Any) -> str:
    """An envelope with a good signature of ``key`` over any bytes."""
    sig = base64.b64encode(key.signer().sign(encoding(kind, payload))).decode()
    whole = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": key.kid, "sig": sig}],
    }
    return json.dumps(whole | envelope)


def resigned(change: Callable[[dict[str, Any]], None]) -> str:
    """A bundle whose payload says something else, signed by the trusted key itself."""
    payload = payload_of(a_bundle())
    change(payload)
    return signed_over(canonical(payload))
