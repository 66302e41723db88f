"""How settings are written: readers of their texts, which say what must be there instead."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from headrace.core.rights import GRANTABLE, Right

LEVELS = ("debug", "info", "warning", "error")


def read_text(text: str) -> str:
    """Return a text as it is."""
    return text


def read_path(text: str) -> Path:
    """Return a path; ``~`` is the home of this user."""
    return Path(text).expanduser().absolute()


def read_paths(text: str) -> tuple[Path, ...]:
    """Return several paths, separated as those of ``PATH`` are."""
    return tuple(read_path(part) for part in text.split(os.pathsep) if part)


def read_count(text: str) -> int:
    """Return a number of things.

    Raises:
        ValueError: It says none.
    """
    number = int(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def read_port(text: str) -> int:
    """Return a port; 0 is any free one.

    Raises:
        ValueError: It says none.
    """
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError("must be a port, from 0 (any free one) to 65535")
    return number


def read_seconds(text: str) -> float:
    """Return a time in seconds.

    Raises:
        ValueError: It says none.
    """
    number = float(text)
    if not 0 <= number < 1e10:
        raise ValueError("must be a number of seconds")
    return number


def read_positive_seconds(text: str) -> float:
    """Return a time in seconds that is not 0.

    Raises:
        ValueError: It says none.
    """
    number = read_seconds(text)
    if number == 0:
        raise ValueError("must be more than 0 seconds")
    return number


def read_url(text: str) -> str:
    """Return a URL without a slash at its end.

    Raises:
        ValueError: It says none.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError("must be a URL such as https://headrace.example.org")
    return text.rstrip("/")


def read_host_url(text: str) -> str:
    """Return a URL of a host, without port and path.

    Raises:
        ValueError: It says none.
    """
    url = read_url(text)
    if urlsplit(url).path or urlsplit(url).port is not None or "@" in url:
        raise ValueError("must be a URL of a scheme and a host alone, without port and path")
    return url


def read_rights(text: str) -> frozenset[Right]:
    """Return rights, separated by commas or spaces.

    Raises:
        ValueError: It says none.
    """
    words = {word.strip() for word in text.replace(",", " ").split()}
    if words - {right.value for right in GRANTABLE}:
        raise ValueError(f"must be words of {', '.join(GRANTABLE)}, separated by commas")
    return frozenset(Right(word) for word in words)


def read_level(text: str) -> str:
    """Return a level of the log.

    Raises:
        ValueError: It says none.
    """
    if text.lower() not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return text.lower()
