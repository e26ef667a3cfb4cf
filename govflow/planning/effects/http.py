"""HTTP requests: method, host and path. No query, no credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from govflow.planning.effects.catalogue import UNKNOWN, Call
from govflow.planning.effects.deeds import Deed
from govflow.planning.effects.given import Given
from govflow.planning.effects.locations import shown, without_secrets
from govflow.planning.effects.texts import Parts, whole

_ACTIONS: Final = {
    "get": "http:get",
    "head": "http:head",
    "options": "http:head",
    "post": "http:post",
    "put": "http:put",
    "patch": "http:patch",
    "delete": "http:delete",
}
_READING: Final = frozenset({"http:get", "http:head"})
_BASES: Final = ("base_url", "base")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)

# Services that are known by their host: provider, and what a request that writes is.
_HOSTS: Final = {
    "hooks.slack.com": ("slack", "message:send"),
    "slack.com": ("slack", "message:send"),
    "api.telegram.org": ("http", "message:send"),
    "discord.com": ("http", "message:send"),
    "discordapp.com": ("http", "message:send"),
    "webhook.office.com": ("teams", "message:send"),
    "api.openai.com": ("openai", "model:invoke"),
    "api.anthropic.com": ("anthropic", "model:invoke"),
    "api.github.com": ("github", ""),
    "gitlab.com": ("gitlab", ""),
    "api.stripe.com": ("stripe", ""),
    "api.cloudflare.com": ("cloudflare", ""),
}

_DOMAINS: Final = (".webhook.office.com",)


def read_http(call: Call, given: Given) -> Iterator[Deed]:
    """The effects of a request."""
    subject = call.subject or ("url" if "url" in call.arguments else call.arguments[0] if call.arguments else "url")
    addresses = given.texts(subject) or ((None,),)
    for method in _methods(call, given):
        for parts in addresses:
            yield _deed(method, _full(parts, given), call.provider)


def _methods(call: Call, given: Given) -> tuple[str, ...]:
    if call.method:
        return (call.method.lower(),)
    found = [whole(parts) for parts in given.texts("method")]
    return tuple(dict.fromkeys(text.lower() if text else "" for text in found)) or ("",)


def _full(parts: Parts, given: Given) -> Parts:
    """An address behind the base address of the session."""
    if parts and isinstance(parts[0], str) and _SCHEME.match(parts[0]):
        return parts
    for name in _BASES:
        for base in given.texts(name):
            end = base[-1] if base else None
            start = parts[0] if parts else None
            head = (*base[:-1], end.rstrip("/")) if isinstance(end, str) else base
            tail = (start.lstrip("/"), *parts[1:]) if isinstance(start, str) else parts
            return (*head, "/", *tail)
    return parts


def _deed(method: str, parts: Parts, provider: str) -> Deed:
    resource = address(parts)
    action = _ACTIONS.get(method, "http:request")
    host = resource.partition("://")[2].partition("/")[0]
    known, instead = _known_host(host.partition(":")[0])
    if instead and action not in _READING and action != "http:delete":
        action = instead
    if instead == "message:send":  # the path of a hook is its secret
        resource = f"https://{host}" if known == "http" or action != instead else f"{known}://{UNKNOWN}"
    return Deed(action, known or provider or "http", resource, detail=f"{method.upper() or 'request'} {resource}")


def _known_host(host: str) -> tuple[str, str]:
    """Provider and action of a host, or of the domain that it stands in where each customer has a host."""
    if host.endswith(_DOMAINS):
        return next(_HOSTS[domain[1:]] for domain in _DOMAINS if host.endswith(domain))
    return _HOSTS.get(host, ("", ""))


def address(parts: Parts) -> str:
    """``https://host/path``. Where the source does not tell the host, ``https://{?}/path``."""
    text = shown(parts)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return scheme[0].lower() + without_secrets(text[scheme.end() :], scheme[0][:-3].lower())
    if text.startswith("/"):
        return f"https://{UNKNOWN}{_path(text)}"
    if text.startswith(UNKNOWN):
        rest = text[len(UNKNOWN) :]
        at = rest.find("/")
        return f"https://{UNKNOWN}" + (_path(rest[at:]) if at >= 0 else "")
    return f"https://{UNKNOWN}/{without_secrets(text)}"


def _path(text: str) -> str:
    found = without_secrets("host" + text)
    return found.removeprefix("host")
