"""Proxies that the environment names, for servers that are elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that no proxy can reach: a proxy of the environment is for the world outside."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        host: Its host.
        port: Its port.
        is_tls: Whether it is spoken to through TLS.
        headers: What authorises requests to it.
    """

    host: str
    port: int
    is_tls: bool
    headers: Mapping[str, str] = field(repr=False)


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """Return the proxy for a server, or None if it is reached without.

    ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy`` are read as others read them.

    Raises:
        ValueError: The environment names one that cannot be used.
    """
    if host in LOOPBACK or host.startswith("127."):
        return None
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Only who has a proxy pays for this import.
    from urllib.request import (  # noqa: PLC0415 - see above
        getproxies_environment,
        proxy_bypass,
    )

    found = getproxies_environment()
    url = found.get(scheme) or found.get("all")
    if not url or proxy_bypass(host):
        return None
    return _proxy(url)


def _proxy(url: str) -> Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"the proxy {parts.scheme}://{parts.hostname} is none of HTTP")
    headers = {}
    if parts.username is not None:
        import base64  # noqa: PLC0415 - few proxies ask for a password

        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Proxy(parts.hostname, port, parts.scheme == "https", headers)
