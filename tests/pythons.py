"""The interpreters of this machine that run, for tests under several of them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from headrace.environments.interpreters import Interpreters


@lru_cache(maxsize=1)
def working() -> dict[str, Path]:
    """Return an executable for each minor version; what is a shim and does not run is none."""
    found = Interpreters([], os.environ).found()
    return {version: interpreter.path for version, interpreter in found.items()}


def working_ones(*versions: str) -> list[Path]:
    """Return those of these versions that there are."""
    return [working()[version] for version in versions if version in working()]
