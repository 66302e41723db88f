"""Which server the SDK speaks to, and as whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from headrace.client.credentials import credentials_path, read_credentials
from headrace.core.errors import InvalidRequest, Unauthenticated

ENVIRON_PREFIXES = ("HEADRACE", "CRAFT_AI")
"""Beginnings of the variables that are read, the first one set winning."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and the SDK token for it.

    Attributes:
        environment_url: Root of the server, without a final ``/``.
        control_url: Root of the server that knows the users; the same unless said.
        token: The SDK token, kept out of ``repr``.
    """

    environment_url: str
    control_url: str
    token: str = field(repr=False)


def connection(
    environ: Mapping[str, str],
    *,
    token: str | None = None,
    environment_url: str | None = None,
    control_url: str | None = None,
) -> Connection:
    """Return the connection that the arguments and ``environ`` ask for.

    Raises:
        Unauthenticated: No server or no token was named anywhere; the message says where to.
        InvalidRequest: A URL is not one.
    """
    url = environment_url or _variable(environ, "ENVIRONMENT_URL")
    token = token or _variable(environ, "SDK_TOKEN")
    control = control_url
    if not (control or environment_url):
        # Who names a server in the call means that one, whatever else the variables name.
        control = _variable(environ, "CONTROL_URL")
    if not (url and token):
        stored = read_credentials(credentials_path(environ))
        # A stored token is for the server it was stored with and is shown to no other.
        if stored and (not url or _root(url) == stored.environment_url):
            url, token = url or stored.environment_url, token or stored.token
    if not url:
        raise Unauthenticated(
            "No server is named. Set HEADRACE_ENVIRONMENT_URL (for example http://127.0.0.1:8471), "
            "give environment_url, or run `headrace login URL`."
        )
    if not token:
        raise Unauthenticated(
            f"No SDK token is given for {url}. Set HEADRACE_SDK_TOKEN, give sdk_token, or run "
            f"`headrace login {url}`. `headrace tokens create --name NAME` on the server makes one."
        )
    return Connection(_root(url), _root(control or url), token.strip())


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    for prefix in ENVIRON_PREFIXES:
        if value := environ.get(f"{prefix}_{name}"):
            return value
    return None


def _root(url: str) -> str:
    root = url.strip().rstrip("/")
    try:
        parts = urlsplit(root)
        usable = parts.scheme in {"http", "https"} and parts.hostname
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise InvalidRequest(
            f"{url!r} is not the URL of a server; it looks like http://127.0.0.1:8471."
        )
    return root
