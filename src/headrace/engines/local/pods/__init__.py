"""The low-latency engine: warm processes ("pods") that have imported user code and take calls."""

from headrace.engines.local.pods.engine import LocalPodEngine
from headrace.engines.local.pods.settings import PodSettings

__all__ = ["LocalPodEngine", "PodSettings"]
