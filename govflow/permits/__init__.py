"""Permits: what one run may execute, signed and short-lived. Pure: keys, moments and random bytes are arguments.

``models`` is what a permit says, ``steps`` what a plan allows, ``keys`` Ed25519 keys and their JSON form, ``token`` the
signed form. What imports cryptography is imported by name, so that a reader of plans does not pay for it.
"""
