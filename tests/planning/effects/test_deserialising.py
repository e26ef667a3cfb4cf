"""Loading what may hold code runs that code, beside reading the file."""

from __future__ import annotations

import pytest

from tests.planning.effects.doing import effects

HEAD = "import io, pickle, marshal, dill, cloudpickle, shelve, yaml, joblib, torch\nimport pandas as pd\n"
RUNS = "process:execute python process://pickle"
YAML = ["process:execute python process://yaml"]


@pytest.mark.covers("B-01")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pickle.loads(x)", [RUNS]),
        ("pickle.load(open('a', 'rb'))", [RUNS, "file:read filesystem file://a"]),
        ("cloudpickle.loads(x)", [RUNS]),
        ("dill.load(x)", [RUNS]),
        ("marshal.loads(x)", ["process:execute python process://marshal"]),
        ("shelve.open('a')", [RUNS, "file:write filesystem file://a"]),
        ("joblib.load('a')", [RUNS, "file:read filesystem file://a"]),
        ("torch.load('a')", [RUNS, "file:read filesystem file://a"]),
        ("torch.load('a', weights_only=False)", [RUNS, "file:read filesystem file://a"]),
        ("torch.load('a', weights_only=True)", ["file:read filesystem file://a"]),
        ("pd.read_pickle('a')", [RUNS, "file:read filesystem file://a"]),
        ("pd.read_pickle(io.BytesIO(x))", [RUNS]),
        ("yaml.unsafe_load(x)", YAML),
        ("yaml.load(x, Loader=yaml.Loader)", YAML),
        ("yaml.load(x)", YAML),
        ("yaml.load(x, y)", YAML),
        ("yaml.load(x, Loader=yaml.SafeLoader)", []),
        ("yaml.load(x, yaml.CSafeLoader)", []),
        ("yaml.safe_load(x)", []),
        ("pickle.dumps(x)", []),
    ],
)
def test_loading_runs_what_is_loaded(body: str, expected: list[str]) -> None:
    assert sorted(effects(body, HEAD)) == sorted(expected)
