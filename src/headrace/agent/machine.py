"""What a node has, and how busy it is."""

from __future__ import annotations

import os
from typing import Any

import psutil


def facts() -> dict[str, Any]:
    """Return the facts of this machine that an agent tells now and then."""
    memory = psutil.virtual_memory()
    return {
        "memory": memory.total,
        "memory_free": memory.available,
        "load": os.getloadavg()[0],
    }
