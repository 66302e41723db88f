"""The elastic engine of this machine: a process for each call, forked from warm templates."""

from headrace.engines.local.belongings import kill_leftovers
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.checking import check_function
from headrace.engines.local.engine import LocalEngine, LocalEngineSettings
from headrace.engines.local.install import install_harness

__all__ = [
    "Bounds",
    "LocalEngine",
    "LocalEngineSettings",
    "check_function",
    "install_harness",
    "kill_leftovers",
]
