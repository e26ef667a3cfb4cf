"""Signed policies: one file that says which rules, who made them and until when, and that shows any change.

A bundle holds the texts of a policy file and of all that it imports, and the digest of the policy that they make,
inside a DSSE envelope with one Ed25519 signature. ``open_bundle(text, where, keys, now)`` is the only way in.
"""

from govflow.bundles.bundle import SUFFIX, SignedPolicy, is_bundle, open_bundle
from govflow.bundles.make import make_bundle
from govflow.bundles.policy_keys import private_key, public_keys, to_private_text, to_public_text

__all__ = [
    "SUFFIX",
    "SignedPolicy",
    "is_bundle",
    "make_bundle",
    "open_bundle",
    "private_key",
    "public_keys",
    "to_private_text",
    "to_public_text",
]
