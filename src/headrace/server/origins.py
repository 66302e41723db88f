"""Origins of web pages, as a setting names them."""

from __future__ import annotations

import re

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(:(?P<port>[0-9]{1,5}))?"
)


def read_origins(text: str) -> tuple[str, ...]:
    """Return the origins of a text, separated by commas.

    Raises:
        ValueError: One of them is none.
    """
    origins = tuple(_origin(part.strip()) for part in text.split(",") if part.strip())
    if "*" in origins and len(origins) > 1:
        raise ValueError("* stands for every origin, so it stands alone")
    return origins


def _origin(text: str) -> str:
    """Return an origin as browsers send it: in small letters, without the scheme's own port."""
    if text == "*":
        return text
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        raise ValueError(
            f"{text!r} is no origin: write scheme://host or scheme://host:port with http or https, "
            "such as https://app.example.org, without a path or a slash at the end"
        )
    scheme, host, port = match["scheme"], match["host"], match["port"]
    if port is None or int(port) == {"http": 80, "https": 443}[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{_checked_port(port)}"


def _checked_port(text: str) -> int:
    port = int(text)
    if port > 65535:
        raise ValueError("must be a port, from 0 (any free one) to 65535")
    return port
