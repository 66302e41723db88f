"""Whether a pod hangs, judged by what its guardian says of it."""

from __future__ import annotations

from headrace.engines.local.hanging import why_it_hangs
from headrace.engines.local.pods.settings import PodSettings
from headrace_harness.frames import Message


class Health:
    """The health of one pod.

    A pod hangs if its interpreter answers nothing and does nothing: stopped, or all threads wait
    for each other. Native code that keeps the interpreter for itself but uses the processor works,
    for a while. Time is counted by the guardian, or in looks: a server that was held up itself
    must not blame its pods.

    Attributes:
        memory_bytes: What the pod and all that it started use.
    """

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._unanswered = 0
        self._processor_s = 0.0
        self.memory_bytes = 0

    def note_look(self) -> str | None:
        """Take note that the guardian is asked; return why the pod hangs, if it is its fault."""
        patience = self._settings.patience
        self._unanswered += 1
        if (self._unanswered - 1) * patience.look_s > patience.hang_s:
            return "its guardian did not answer"
        return None

    def note_answer(self, seen: Message) -> str | None:
        """Take note of the guardian's answer; return why the pod hangs, if it does."""
        self._unanswered = 0
        self.memory_bytes = seen["memory_bytes"]
        silent_s: float = seen["silent_s"]
        if silent_s == 0:
            self._processor_s = seen["processor_s"]
            return None
        used_s = seen["processor_s"] - self._processor_s
        return why_it_hangs("its interpreter", silent_s, used_s, self._settings.patience)
