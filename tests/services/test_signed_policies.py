"""Signed policies on a machine: what the setting policy_keys lets in, and that all else denies."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govflow.bundles import to_public_text
from govflow.errors import KeyFileError, PolicyError, PolicyUnsigned, RequestError
from govflow.permits.keys import to_set
from govflow.services.read_policy import read_policy, take_policy
from govflow.services.sign_policy import bundle_policy, make_policy_key, read_policy_key, write_bundle
from govflow.services.workspace import open_workspace
from govflow.settings import Settings
from tests.bundles.signed import CAROL, FILES, MALLORY, NOON, a_bundle


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "policy-keys.json"
    path.write_text(to_public_text([CAROL.public]), encoding="utf-8")
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "policy.bundle.json"
    path.write_text(a_bundle(), encoding="utf-8")
    return path


def why(settings: Settings) -> str:
    """What a governed process with these settings is told."""
    with pytest.raises(PolicyUnsigned) as caught:
        open_workspace(settings)
    assert settings.effective_mode == "enforce"
    return str(caught.value.details["cause"])


def test_a_signed_bundle_is_the_policy_that_is_enforced(bundle: Path, keys: Path) -> None:
    opened = open_workspace(Settings(policy=bundle, policy_keys=keys))
    assert opened.mode == "enforce"
    assert opened.document.policy.name == "acme"
    assert opened.document.where == str(bundle)


def test_a_policy_file_that_is_not_signed_is_refused_where_keys_are_set(tmp_path: Path, keys: Path) -> None:
    (tmp_path / "policy.yaml").write_text(FILES["../company.yaml"], encoding="utf-8")
    assert why(Settings(policy=tmp_path / "policy.yaml", policy_keys=keys)) == "unsigned"


def test_a_policy_file_under_the_name_of_a_bundle_is_refused(bundle: Path, keys: Path) -> None:
    bundle.write_text(FILES["../company.yaml"], encoding="utf-8")
    assert why(Settings(policy=bundle, policy_keys=keys)) == "form"


def test_a_bundle_is_refused_where_no_keys_are_set(bundle: Path) -> None:
    assert why(Settings(policy=bundle)) == "keys"


def test_keys_without_a_policy_enforce_and_are_refused(keys: Path) -> None:
    assert why(Settings(policy_keys=keys)) == "unsigned"


def test_a_bundle_of_another_key_is_refused(bundle: Path, keys: Path) -> None:
    bundle.write_text(a_bundle(key=MALLORY), encoding="utf-8")
    assert why(Settings(policy=bundle, policy_keys=keys)) == "key"


def test_an_expired_bundle_is_refused(bundle: Path, keys: Path) -> None:
    bundle.write_text(a_bundle(expires_at=datetime.now(UTC) - timedelta(seconds=1)), encoding="utf-8")
    assert why(Settings(policy=bundle, policy_keys=keys)) == "expired"


def test_a_half_written_bundle_is_refused(bundle: Path, keys: Path) -> None:
    text = a_bundle()
    for length in range(0, len(text) - 2, len(text) // 20):
        bundle.write_text(text[:length], encoding="utf-8")
        assert why(Settings(policy=bundle, policy_keys=keys)) == "form"


@pytest.mark.parametrize("given", ["", "{}", to_set([CAROL.public])], ids=["empty", "no keys", "keys of permits"])
def test_keys_that_cannot_be_used_let_nothing_in(bundle: Path, keys: Path, given: str) -> None:
    keys.write_text(given, encoding="utf-8")
    assert why(Settings(policy=bundle, policy_keys=keys)) == "keys"


def test_keys_that_are_gone_let_nothing_in(bundle: Path, keys: Path) -> None:
    keys.unlink()
    assert why(Settings(policy=bundle, policy_keys=keys)) == "keys"


def test_keys_that_anybody_may_write_let_nothing_in(bundle: Path, keys: Path) -> None:
    keys.chmod(0o666)
    assert why(Settings(policy=bundle, policy_keys=keys)) == "keys"


def test_a_bundle_is_made_of_a_file_and_all_that_it_imports(tmp_path: Path, keys: Path) -> None:
    folder = tmp_path / "deep"
    for name, text in FILES.items():
        path = Path(os.path.normpath(folder / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    text, made = bundle_policy(folder / "policy.yaml", CAROL, made_by="carol", made_at=NOON)
    assert set(made.files) == set(FILES) and made.files[0] == "policy.yaml"
    write_bundle(text, tmp_path / "x.bundle.json")
    found = read_policy(tmp_path / "x.bundle.json", keys)
    assert found.digest == made.document.digest == read_policy(folder / "policy.yaml").digest
    assert os.listdir(tmp_path / "deep") and not list(tmp_path.glob("*.part"))


def test_a_policy_that_cannot_be_used_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\npolicy: {nam: x}\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="nam"):
        bundle_policy(tmp_path / "policy.yaml", CAROL, made_by="carol", made_at=NOON)


def test_a_bundle_is_not_bundled_again_and_not_made_expired(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="already"):
        bundle_policy(bundle, CAROL, made_by="carol", made_at=NOON)
    (tmp_path / "p.yaml").write_text(FILES["../company.yaml"], encoding="utf-8")
    with pytest.raises(RequestError, match="has expired"):
        bundle_policy(tmp_path / "p.yaml", CAROL, made_by="carol", made_at=NOON, expires_at=NOON)
    with pytest.raises(RequestError, match="is named"):
        write_bundle("{}", tmp_path / "policy.json")


def test_the_private_key_is_for_its_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "policy.pem"
    made = make_policy_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_policy_key(file).kid == made.kid
    with pytest.raises(KeyFileError, match="there already"):
        make_policy_key(file)
    file.chmod(0o644)
    with pytest.raises(KeyFileError, match="others"):
        read_policy_key(file)
    with pytest.raises(KeyFileError, match="no key file"):
        read_policy_key(tmp_path / "gone.pem")


def test_a_reading_holds_until_a_file_of_it_says_something_else(tmp_path: Path, bundle: Path, keys: Path) -> None:
    now = datetime.now(UTC)
    reading = take_policy(bundle, keys, now)
    assert reading.still_holds(now)
    before = bundle.stat()
    bundle.write_text(a_bundle(made_by="carlo"), encoding="utf-8")  # as long, and given the time that it had
    os.utime(bundle, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not reading.still_holds(now)
    again = take_policy(bundle, keys, now)
    keys.unlink()
    assert not again.still_holds(now)


def test_a_reading_of_a_bundle_ends_with_it(bundle: Path, keys: Path) -> None:
    now = datetime.now(UTC)
    bundle.write_text(a_bundle(expires_at=now + timedelta(hours=1)), encoding="utf-8")
    reading = take_policy(bundle, keys, now)
    assert reading.still_holds(now + timedelta(minutes=59))
    assert not reading.still_holds(now + timedelta(hours=1))
