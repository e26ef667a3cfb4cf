"""Policy files of a machine, with the files that they import."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from govflow.errors import PolicyError
from govflow.services.read_policy import read_policy

RULE = "version: 1\npolicy: {{name: p, rules: [{{name: {}, effect: deny}}]}}\n"


def test_files_in_other_folders_are_imported(tmp_path: Path) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "policy.yaml").write_text("imports: [teams/data.yaml]\n" + RULE.format("own"), encoding="utf-8")
    (tmp_path / "teams" / "data.yaml").write_text(
        "imports: ['../company.toml', ../teams/../company.toml]\n" + RULE.format("data"), encoding="utf-8"
    )
    (tmp_path / "company.toml").write_text(
        'version = 1\n[policy]\nname = "c"\n[[policy.rules]]\nname = "company"\neffect = "deny"\n', encoding="utf-8"
    )
    assert [rule.name for rule in read_policy(tmp_path / "policy.yaml").policy.rules] == ["company", "data", "own"]


def test_toml_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('version = 1\npolicy = {name = "p"}', encoding="utf-8")
    assert read_policy(tmp_path / "p.toml").policy.name == "p"


@pytest.mark.parametrize(
    ("name", "says"),
    [("gone.yaml", "no such file"), ("rules.json", "YAML or TOML"), ("pipe.yaml", "regular"), ("policy.yaml", "back")],
)
def test_what_cannot_be_imported_is_refused_where_it_is_named(tmp_path: Path, name: str, says: str) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    path = tmp_path / "policy.yaml"
    path.write_text(RULE.format("own") + f"imports: [{name}]\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"policy\.yaml:3: imports\[0\]") as caught:
        read_policy(path)
    assert says in caught.value.message
    assert caught.value.mend
