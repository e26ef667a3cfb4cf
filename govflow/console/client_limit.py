"""From where somebody tries to sign in: what wrong links and keys are counted by."""

from __future__ import annotations

import ipaddress

from fastapi import Request

from govflow.services.answer_limit import limit_of
from govflow.services.workspace import Workspace
from govflow.store.attempts import Limit


def limit_of_client(workspace: Workspace, request: Request) -> Limit:
    """The limit for the address that a request comes from.

    Behind a proxy the server has to be told whose ``X-Forwarded-For`` it may believe; else all are one address.
    """
    return limit_of(workspace, f"address:{client_key(request.client.host if request.client else '')}")


def client_key(host: str) -> str:
    """The address, or of IPv6 the network of it that one household has: it can make up addresses without end."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
