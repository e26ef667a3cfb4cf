"""A policy file changes while a process lives: the next run gets the new one whole, or nothing may run."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import pytest

from govflow.bundles import to_public_text
from govflow.errors import PolicyError, PolicyUnsigned
from govflow.policy import Effect, PolicyRequest, load_policy
from govflow.services import policy_at_rest
from govflow.services.policy_in_force import policy_changed, renewed
from govflow.services.workspace import Workspace
from govflow.settings import Settings
from tests.bundles.signed import CAROL, a_bundle
from tests.services.slow_writer import written_slowly

HEAD = "version: 1\npolicy:\n  name: v{}\n  default: allow\n  rules:\n"
RULE = "    - {{name: never-{}, effect: deny, priority: {}, actions: ['data:drop']}}\n"
ANY = PolicyRequest(action="data:drop", provider="duckdb", resource="dataset://acme/sales", selectors=frozenset())


def version(number: int, rules: int = 40) -> str:
    """A policy that allows what its last rule, cut off, would not deny."""
    last = "    - {name: no-drop, effect: deny, priority: 0, actions: ['data:drop']}\n"
    return HEAD.format(number) + "".join(RULE.format(n, n + 1).replace("drop", "write") for n in range(rules)) + last


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(place: Path, **more: object) -> Settings:
    given = {"policy": place / "policy.yaml", "database_url": f"sqlite:///{place}/govflow.db", **more}
    return Settings(**given)  # type: ignore[arg-type]  # the values are those of each test


def put(file: Path, text: str) -> None:
    """In place, and long enough ago to be at rest: a file cannot be given the time of its entry, so it is waited."""
    file.write_text(text, encoding="utf-8")
    time.sleep(policy_at_rest.REST + 0.05)


def current(before: Workspace, given: Settings) -> Workspace:
    """What the next run is decided by."""
    return renewed(before, given) if policy_changed(before, given) else before


def test_the_next_run_gets_the_new_policy_and_an_open_one_keeps_its_own(place: Path) -> None:
    put(place / "policy.yaml", version(1))
    given = settings(place)
    first = renewed(None, given)
    ground = first.ground
    put(place / "policy.yaml", version(2).replace("deny", "allow"))
    second = current(first, given)
    assert second.document.policy.name == "v2"
    assert (ground.engine.decide(ANY).effect, second.engine.decide(ANY).effect) == (Effect.DENY, Effect.ALLOW)
    assert second.engine.decide(ANY).policy_digest == second.document.digest != first.document.digest


def test_both_share_the_database_and_the_catalogue(place: Path) -> None:
    put(place / "policy.yaml", version(1))
    given = settings(place)
    first = renewed(None, given)
    store = first.store
    put(place / "policy.yaml", version(2))
    second = current(first, given)
    try:
        assert second.store is store
        assert second.catalogue is first.catalogue
        assert second.follows(first)
    finally:
        second.close()
    assert not first.is_open


def test_an_unchanged_policy_is_not_read_again(place: Path) -> None:
    put(place / "policy.yaml", version(1))
    given = settings(place)
    first = renewed(None, given)
    assert not policy_changed(first, given)
    os.utime(place / "policy.yaml")  # a new time and the same text
    assert not policy_changed(first, given)


def test_a_remark_keeps_everything_that_hangs_on_the_policy(place: Path) -> None:
    put(place / "policy.yaml", version(1))
    given = settings(place)
    first = renewed(None, given)
    put(place / "policy.yaml", version(1) + "# a remark\n")
    assert current(first, given) is first
    assert not policy_changed(first, given)


def test_a_change_that_keeps_length_and_time_is_seen(place: Path) -> None:
    file = place / "policy.yaml"
    put(file, version(1))
    given, before = settings(place), file.stat()
    first = renewed(None, given)
    put(file, version(2))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert current(first, given).document.policy.name == "v2"


def test_a_change_of_an_imported_file_is_a_change(place: Path) -> None:
    put(place / "more.yaml", version(1))
    put(place / "policy.yaml", "version: 1\nimports: [more.yaml]\npolicy: {name: main}\n")
    given = settings(place)
    first = renewed(None, given)
    put(place / "more.yaml", version(1).replace("no-drop", "no-drops"))
    assert current(first, given).document.digest != first.document.digest
    (place / "more.yaml").unlink()
    with pytest.raises(PolicyError, match=r"more\.yaml"):
        current(first, given)


@pytest.mark.parametrize("spoil", [lambda f: f.write_text("version: 1\npolicy: {"), os.unlink], ids=["broken", "gone"])
def test_a_policy_that_breaks_denies_the_next_run_until_it_is_mended(
    place: Path, spoil: Callable[[Path], None]
) -> None:
    file = place / "policy.yaml"
    put(file, version(1))
    given = settings(place)
    first = renewed(None, given)
    spoil(file)
    for _ in range(2):
        with pytest.raises(PolicyError):
            current(first, given)
    put(file, version(3))
    assert current(first, given).document.policy.name == "v3"


def test_observe_mode_goes_by_the_starter_while_a_policy_is_broken(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = place / "policy.yaml"
    put(file, version(1))
    given = settings(place, mode="observe")
    first = renewed(None, given)
    put(file, "version: 1\npolicy: {")
    with caplog.at_level(logging.ERROR):
        second = current(first, given)
    assert (second.document.policy.name, second.mode) == ("starter", "observe")
    assert "policy.unusable" in caplog.text
    assert current(second, given) is second
    assert second.follows(first)
    put(file, version(4))
    assert current(second, given).document.policy.name == "v4"


def test_a_bundle_that_expires_while_the_process_lives_denies_the_next_run(place: Path) -> None:
    (place / "keys.json").write_text(to_public_text([CAROL.public]))
    given = settings(place, policy=place / "p.bundle.json", policy_keys=place / "keys.json")
    for seconds in (2, 15, 120):  # a machine that is too slow for one life gets a longer one
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        put(place / "p.bundle.json", a_bundle({"policy.yaml": version(1)}, expires_at=ends))
        with suppress(PolicyUnsigned):
            first = renewed(None, given)
            changed = policy_changed(first, given)
        if datetime.now(UTC) < ends:
            break
    assert not changed
    time.sleep(max((ends - datetime.now(UTC)).total_seconds(), 0) + 0.05)
    with pytest.raises(PolicyUnsigned, match="expired"):
        current(first, given)


def test_a_key_that_is_taken_out_denies_the_next_run(place: Path) -> None:
    from tests.bundles.signed import MALLORY

    put(place / "p.bundle.json", a_bundle({"policy.yaml": version(1)}))
    put(place / "keys.json", to_public_text([CAROL.public]))
    given = settings(place, policy=place / "p.bundle.json", policy_keys=place / "keys.json")
    first = renewed(None, given)
    put(place / "keys.json", to_public_text([MALLORY.public]))
    with pytest.raises(PolicyUnsigned, match="its key"):
        current(first, given)


def test_half_of_a_plain_file_can_be_a_policy_and_is_not_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The danger that the rest is waited for: this one allows what the whole file denies."""
    file = place / "policy.yaml"
    whole = version(2)
    half = whole[: whole.rindex("    - {name: no-drop")]
    assert load_policy(half, "half").policy.name == "v2"
    put(file, version(1))
    given = settings(place)
    first = renewed(None, given)

    def write_the_rest() -> None:
        with file.open("a") as stream:
            stream.write(whole[len(half) :])

    file.write_text(half)
    written_slowly(monkeypatch, file, iter([write_the_rest]))
    found = current(first, given)
    assert found.document.digest == load_policy(whole, "whole").digest


def test_a_file_that_never_comes_to_rest_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place / "policy.yaml"
    file.write_text(version(0))
    writings = [0]

    def replace() -> None:
        writings[0] += 1
        part = file.with_name("part")
        part.write_text(version(writings[0]))
        os.replace(part, file)

    written_slowly(monkeypatch, file, repeat(replace))
    with pytest.raises(PolicyError, match="did not come to rest for 2 seconds"):
        renewed(None, settings(place))
    assert writings[0] > policy_at_rest.PATIENCE / policy_at_rest.REST


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GOVFLOW_")]:
        monkeypatch.delenv(name)


def test_a_name_that_no_file_can_have_is_refused(place: Path) -> None:
    with pytest.raises(PolicyError, match="no file can have that name"):
        renewed(None, settings(place, policy=Path("a\0.yaml")))
    put(place / "policy.yaml", 'version: 1\nimports: ["a\\0.yaml"]\npolicy: {name: a}\n')
    with pytest.raises(PolicyError, match="no file can have that name"):
        renewed(None, settings(place))
