"""`govflow policy keygen`, `bundle` and `verify`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from govflow.bundles import public_keys
from tests.cli.conftest import Run

POLICY = "version: 1\nimports: [company.toml]\npolicy: {name: mine, rules: [{name: reads, effect: allow}]}\n"
COMPANY = 'version = 1\n[policy]\nname = "c"\n[[policy.rules]]\nname = "no-drop"\neffect = "deny"\n'
SIGN = ("--key", "keys/policy.pem", "--as", "carol")


@pytest.fixture
def place(repo: Path, run: Run) -> Path:
    """A folder with a policy in two files and a pair of keys."""
    (repo / "policy.yaml").write_text(POLICY)
    (repo / "company.toml").write_text(COMPANY)
    assert run("policy", "keygen", "--key", "keys/policy.pem", "--output", "policy-keys.json").code == 0
    return repo


def bundled(run: Run, *words: str) -> None:
    assert run("policy", "bundle", "policy.yaml", *SIGN, "--output", "p.bundle.json", *words).code == 0


def test_a_pair_of_keys_is_made_once(place: Path, run: Run) -> None:
    private = place / "keys" / "policy.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert len(public_keys((place / "policy-keys.json").read_text(), "keys")) == 1
    before = private.read_bytes()
    again = run("policy", "keygen", "--key", "keys/policy.pem")
    assert again.code == 2 and "there already" in again.err
    assert private.read_bytes() == before


def test_a_bundle_is_made_and_verified(place: Path, run: Run) -> None:
    words = ("--at", "2026-11-22T12:00:00Z", "--expires", "2999-01-01", "--format", "json")
    made = run("policy", "bundle", "policy.yaml", *SIGN, "--output", "p.bundle.json", *words)
    assert made.code == 0
    found = run("policy", "verify", "p.bundle.json", "--keys", "policy-keys.json", "--format", "json")
    assert found.code == 0
    assert found.json["verified"] is True
    assert {key: found.json[key] for key in made.json} == made.json
    assert found.json["files"] == ["policy.yaml", "company.toml"]
    assert (found.json["made_by"], found.json["rules"]) == ("carol", 2)
    assert found.json["expires_at"] == "2999-01-01T00:00:00+00:00"
    text = run("policy", "verify", "p.bundle.json", "--keys", "policy-keys.json")
    assert "verified" in text.out and found.json["digest"] in text.out


def test_somebody_answers_for_a_bundle(place: Path, run: Run) -> None:
    nobody = [" " if word == "carol" else word for word in SIGN]
    result = run("policy", "bundle", "policy.yaml", *nobody, "--output", "p.bundle.json")
    assert result.code == 2
    assert "Nobody is said to answer for the bundle" in result.err


def test_what_does_not_verify_is_1_with_its_cause(place: Path, run: Run) -> None:
    bundled(run)
    file = place / "p.bundle.json"
    envelope = json.loads(file.read_text())
    sig = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = ("A" if sig[0] != "A" else "B") + sig[1:]
    file.write_text(json.dumps(envelope))
    told = run("policy", "verify", "p.bundle.json", "--keys", "policy-keys.json")
    assert told.code == 1 and "error[policy-unsigned]" in told.err and "mend:" in told.err
    document = run("policy", "verify", "p.bundle.json", "--keys", "policy-keys.json", "--format", "json")
    assert (document.code, document.json["verified"], document.json["cause"]) == (1, False, "signature")


def test_an_expired_bundle_does_not_verify(place: Path, run: Run) -> None:
    bundled(run, "--at", "2026-01-01", "--expires", "2026-01-02")
    told = run("policy", "verify", "p.bundle.json", "--keys", "policy-keys.json", "--format", "json")
    assert (told.code, told.json["cause"]) == (1, "expired")


def test_what_cannot_be_read_is_2(place: Path, run: Run) -> None:
    assert run("policy", "verify", "gone.bundle.json", "--keys", "policy-keys.json").code == 2
    bundled(run)
    assert run("policy", "verify", "p.bundle.json", "--keys", "gone.json").code == 2
    assert run("policy", "bundle", "policy.yaml", *SIGN, "--output", "p.json").code == 2
    assert run("policy", "bundle", "policy.yaml", *SIGN, "--output", "p.bundle.json", "--at", "noon").code == 2


def test_a_key_of_permits_signs_no_policy(place: Path, run: Run) -> None:
    assert run("keys", "export", "--output", "permit-keys.json").code == 0
    bundled(run)
    told = run("policy", "verify", "p.bundle.json", "--keys", "permit-keys.json")
    assert told.code == 2 and "not one that signs policies" in told.err


def test_commands_judge_by_a_signed_policy(place: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled(run)
    monkeypatch.setenv("GOVFLOW_POLICY", "p.bundle.json")
    refused = run("scan", ".")
    assert refused.code == 2 and "policy_keys" in refused.err
    monkeypatch.setenv("GOVFLOW_POLICY_KEYS", "policy-keys.json")
    assert run("scan", ".").code == 0


def test_a_signed_policy_is_looked_at_with_the_configured_keys(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled(run)
    words = ("policy", "explain", "p.bundle.json", "--action", "data:read", "--resource", "x")
    assert run(*words).code == 2
    monkeypatch.setenv("GOVFLOW_POLICY_KEYS", "policy-keys.json")
    assert run(*words).out.startswith("deny by rule no-drop")
    assert "2 rules of p.bundle.json" in run("policy", "lint", "p.bundle.json").out
    assert run("policy", "diff", "p.bundle.json", "policy.yaml").code == 0, "the file to compare with is not signed yet"


def test_a_folder_is_no_key(place: Path, run: Run) -> None:
    words = ("policy", "bundle", "policy.yaml", "--key", "keys", "--as", "carol", "--output", "p.bundle.json")
    assert "is no regular file" in run(*words).err
