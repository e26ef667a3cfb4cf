"""Where the private key lies, who may read it, and what a rotation that is cut short leaves."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from govflow.audit.record import Draft
from govflow.errors import KeyFileError, PermitInvalid, PermitRefused
from govflow.permits.keys import encoded, from_set
from govflow.permits.token import mint
from govflow.services.key_files import key_folder, next_key_file, read_signing_key, signing_key_file, write_new_key
from govflow.services.permits import fetch_permit, issue_permit
from govflow.services.sign_permits import record_of
from govflow.services.signing_keys import export_keys, rotate, signing_key, trusted_keys
from govflow.services.workspace import Workspace
from govflow.settings import Settings
from tests.permits.build import OTHER
from tests.services.permit_runs import a_workspace, asked, opened


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    found = a_workspace(tmp_path)
    yield found
    found.close()


def now() -> datetime:
    return datetime.now(UTC)


def test_the_key_is_made_for_its_user_alone_whatever_the_umask_is(place: Workspace) -> None:
    before = os.umask(0)
    try:
        key = signing_key(place, now())
    finally:
        os.umask(before)
    file = signing_key_file(place.settings)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert signing_key(place, now()).kid == key.kid, "made once"
    assert list(from_set(export_keys(place, now()), "here")) == [key.kid]


def test_without_a_setting_the_key_lies_beside_the_default_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/rita")
    assert signing_key_file(Settings()) == Path("/home/rita/.govflow/keys/signing.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o610, 0o601])
def test_a_key_file_that_others_can_read_is_refused(place: Workspace, mode: int) -> None:
    signing_key(place, now())
    signing_key_file(place.settings).chmod(mode)
    with pytest.raises(KeyFileError, match=rf"mode {mode:04o}: others .* chmod 600"):
        signing_key(place, now())
    run = opened(place)
    with pytest.raises(KeyFileError):
        issue_permit(place, asked(place, run))
    assert place.store.permits.newest("default", run.facts.run_id) is None


@pytest.mark.parametrize("mode", [0o770, 0o722, 0o777, 0o1777])
def test_a_key_folder_in_which_others_can_write_is_refused(place: Workspace, mode: int) -> None:
    signing_key(place, now())
    folder = signing_key_file(place.settings).parent
    folder.chmod(mode)
    for use in (lambda: signing_key(place, now()), lambda: rotate(place, now(), "bob")):
        with pytest.raises(KeyFileError, match="put a key of their own there"):
            use()
    folder.chmod(0o700)


def test_what_is_no_regular_file_is_refused(place: Workspace) -> None:
    file = signing_key_file(place.settings)
    file.parent.mkdir(mode=0o700, parents=True)
    os.mkfifo(file, 0o600)
    with pytest.raises(KeyFileError, match="no regular file"):
        signing_key(place, now())


@pytest.mark.once
def test_many_at_once_make_one_key(tmp_path: Path) -> None:
    places = [a_workspace(tmp_path) for _ in range(4)]
    found: list[str] = []
    threads = [threading.Thread(target=lambda one=one: found.append(signing_key(one, now()).kid)) for one in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert len(places[0].store.keys.all()) == 1
    assert len(places[0].store.tail("default", 9, event="key.created")) == 1
    for one in places:
        one.close()


def test_a_rotation_is_on_record_and_the_old_private_key_is_gone(place: Workspace) -> None:
    first = signing_key(place, now())
    old, new = rotate(place, now(), "bob")
    file = signing_key_file(place.settings)
    assert (old, read_signing_key(file).kid) == (first.kid, new)
    assert sorted(path.name for path in file.parent.iterdir()) == [".lock", "signing.pem"]
    bodies = [json.loads(entry.body) for entry in place.store.tail("default", 3)]
    said = [(body["event"], body["subject"], body["payload"]["kid"]) for body in bodies]
    assert said == [("key.created", "rita", old), ("key.created", "bob", new), ("key.retired", "bob", old)]
    states = {key.kid: key.retired_at is None for key in place.store.keys.all()}
    assert states == {old: False, new: True}


def test_a_rotation_without_a_key_makes_the_first(place: Workspace) -> None:
    old, new = rotate(place, now(), "bob")
    assert (old, signing_key(place, now()).kid) == (None, new)


def test_a_rotation_killed_before_the_database_knew_is_undone(place: Workspace) -> None:
    first = signing_key(place, now())
    file = signing_key_file(place.settings)
    with key_folder(file):
        write_new_key(next_key_file(file))
    assert signing_key(place, now()).kid == first.kid
    assert not next_key_file(file).exists()


def test_a_rotation_killed_while_it_wrote_is_undone(place: Workspace) -> None:
    first = signing_key(place, now())
    waiting = next_key_file(signing_key_file(place.settings))
    waiting.write_bytes(b"-----BEGIN PRIV")
    waiting.chmod(0o600)
    assert signing_key(place, now()).kid == first.kid
    assert not waiting.exists()


def test_a_rotation_killed_after_the_database_knew_is_completed(place: Workspace) -> None:
    first = signing_key(place, now())
    file = signing_key_file(place.settings)
    with key_folder(file):
        new = write_new_key(next_key_file(file))
    created, retired = Draft("key.created", "default", now()), Draft("key.retired", "default", now())
    place.store.keys.replace(first.kid, new.kid, encoded(new.public.raw), now(), created, retired)
    assert signing_key(place, now()).kid == new.kid
    assert not next_key_file(file).exists()
    run = opened(place)
    issue_permit(place, asked(place, run))
    assert fetch_permit(place, run.facts.run_id).run_id == run.facts.run_id


def test_a_retired_key_signs_nothing(place: Workspace) -> None:
    signing_key(place, now())
    file = signing_key_file(place.settings)
    kept = file.read_bytes()
    rotate(place, now(), "bob")
    file.write_bytes(kept)
    run = opened(place)
    with pytest.raises(KeyFileError, match="was retired"):
        issue_permit(place, asked(place, run))


def test_a_key_retired_between_reading_and_signing_signs_nothing(place: Workspace) -> None:
    key = signing_key(place, now())
    run = opened(place)
    permit = asked(place, run)
    token = mint(permit, key)
    rotate(place, now(), "bob")
    draft = record_of(permit, "permit.issued", now(), {"kid": key.kid})
    with pytest.raises(PermitRefused, match="does not sign any more"):
        place.store.permits.issue(permit, token, key.kid, draft)
    assert place.store.permits.newest("default", run.facts.run_id) is None


def test_a_key_under_a_name_that_is_not_its_own_is_refused(place: Workspace) -> None:
    place.store.keys.add("mine", encoded(OTHER.public.raw), now(), Draft("key.created", "default", now()))
    with pytest.raises(PermitInvalid, match="not its own"):
        trusted_keys(place)


@pytest.mark.parametrize("broken", ["missing", "folder", "binary", "writable"])
def test_a_file_of_public_keys_that_cannot_be_used_is_refused(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "permit-keys.json"
    if broken == "folder":
        file.mkdir()
    elif broken == "binary":
        file.write_bytes(b"\xff\xfe")
    elif broken == "writable":
        file.write_text('{"keys": []}')
        file.chmod(0o646)
    place = a_workspace(tmp_path, permit_keys=file)
    with pytest.raises(KeyFileError, match=r"permit-keys\.json"):
        trusted_keys(place)
    place.close()
