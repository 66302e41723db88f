"""What the engine itself has to say in the logs of deployments."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from headrace.core.pods import PodPlan
from headrace_harness.shared_logs import PodLog


class Journal:
    """Writes lines in a thread of its own: a log may be held by a pod that was stopped."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pod journal")

    def say(self, plan: PodPlan, pod_id: str, text: str) -> None:
        """Append one line about a pod to the log of its deployment; never raises."""
        self._thread.submit(_write, str(plan.log.absolute()), pod_id, plan.log_bytes, text)

    def close(self) -> None:
        """Return when all lines are written."""
        self._thread.shutdown()


def _write(path: str, pod_id: str, max_bytes: int, text: str) -> None:
    log = PodLog(path, pod_id, max_bytes)
    log.write(b"h", [line.encode("utf-8", "replace") for line in text.split("\n")])
    log.close()
