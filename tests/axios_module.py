"""axios for node: what `make test` installed into the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

NODE = Path(sys.executable).parent
FOLDER = Path(__file__).resolve().parents[1]


def axios_folder() -> Path:
    """Return a folder in which node finds axios."""
    if not (FOLDER / "node_modules" / "axios").exists():
        pytest.fail("These tests need axios: run scripts/setup_tests.sh.")
    return FOLDER
