"""How settings say sizes, and how much is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def read_bytes(text: str) -> int:
    """Return the size that a text such as ``512MiB`` says.

    Raises:
        ValueError: It says none.
    """
    number = text.strip().rstrip("BbIiKkMmGg ")
    unit = text.strip()[len(number) :].strip().upper()
    unit = unit if unit in _UNITS else f"{unit}B"
    if unit not in _UNITS:
        raise ValueError("must be a size in bytes, such as 512MiB or 2GB")
    size = int(float(number) * _UNITS[unit])
    if size < 1:
        raise ValueError("must be at least one byte")
    return size


def kept(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of what is kept: None, which is all, for 0 and the word off."""

    def read_kept(text: str) -> Any:
        if text.strip().lower() == "off":
            return None
        with contextlib.suppress(ValueError):
            if float(text) == 0:
                return None
        return read(text)

    return read_kept
