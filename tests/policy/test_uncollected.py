from __future__ import annotations

import gc

import pytest

from govflow.errors import PolicyError
from govflow.policy import load_policy
from govflow.policy.uncollected import uncollected


def test_the_collector_is_back_as_it_was() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(PolicyError):
        load_policy("version: 2", "p.yaml")
    assert gc.isenabled()
    gc.disable()
    try:
        load_policy("version: 1\npolicy: {name: t}", "p.yaml")
        assert not gc.isenabled()
    finally:
        gc.enable()
