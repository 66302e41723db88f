"""The data directory that the tests of running executions have too."""

from __future__ import annotations

from tests.running.conftest import made, root

__all__ = ["made", "root"]
