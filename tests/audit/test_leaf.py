"""The bytes of a leaf, against an independent implementation of the canonical form."""

from __future__ import annotations

import hashlib
import json

import rfc8785

from govflow.audit.leaf import leaf_bytes, leaf_hash
from govflow.audit.record import GENESIS


def test_a_leaf_is_the_canonical_form_of_body_prev_and_seq() -> None:
    body = rfc8785.dumps({"event": "run.opened", "payload": {"ä": "\n\t", "n": 2**53 - 1}})
    expected = rfc8785.dumps({"seq": 12, "prev": GENESIS, "body": json.loads(body)})
    assert leaf_bytes(12, GENESIS, body) == expected


def test_a_leaf_hash_is_that_of_rfc_9162() -> None:
    leaf = leaf_bytes(0, GENESIS, b"{}")
    assert leaf_hash(leaf) == "sha256:" + hashlib.sha256(b"\x00" + leaf).hexdigest()
