"""The calls of one deployment in order of arrival, each for the pod that is free first."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence

from headrace.core.outcomes import Failure, Outcome
from headrace.core.pods import PodCall, PodPlan, QueueFull
from headrace.engines.local.pods.items import Items
from headrace.engines.local.pods.pod import Pod
from headrace.engines.local.pods.ticket import Ticket

_MAX_RETRY_AFTER_S = 60


class Queue:
    """Hands calls to pods; those for which there is no room wait.

    Attributes:
        plan: Whose calls they are; its limits count.
        refusal: The outcome of every call from now on, if there is one.
        quiet_since: Time of the event loop since when there is no call.

    Args:
        pods: Those that take calls; somebody else keeps the list.
        stall_s: Patience with those who read items.
        on_wait: Called when a call has to wait.
        on_quiet: Called when no call is left.
    """

    def __init__(
        self,
        plan: PodPlan,
        pods: Sequence[Pod],
        *,
        stall_s: float,
        on_wait: Callable[[], None],
        on_quiet: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.refusal: Failure | None = None
        self._loop = asyncio.get_running_loop()
        self.quiet_since = self._loop.time()
        self._pods = pods
        self._stall_s = stall_s
        self._on_wait = on_wait
        self._on_quiet = on_quiet
        self._waiting: deque[Ticket] = deque()
        self._count = 0

    @property
    def count(self) -> int:
        """Calls whose outcome is not known."""
        return self._count

    def submit(
        self, call: PodCall, on_end: Callable[[Outcome], None] | None = None
    ) -> Ticket | QueueFull:
        """Take a call; it is sent at once if a pod has room and nobody has waited longer."""
        plan = self.plan
        slots = plan.count * (plan.max_parallel or 1)
        if self._count >= slots + plan.max_queue and not call.is_on_record:
            return QueueFull(self._count - slots, self._retry_after_s())
        ticket = Ticket(call, self, self._note_resolved, on_end)
        self._count += 1
        if call.stream:
            ticket.items = Items(lambda size: ticket.place.grant(ticket, size), self._stall_s)
        if self.refusal is not None:
            ticket.resolve(self.refusal)
            return ticket
        pod = None if self._waiting else self._free_pod()
        if pod is not None:
            pod.calls.send(ticket)
        else:
            self._waiting.append(ticket)
            self._on_wait()
        return ticket

    def hand_out(self) -> None:
        """Send what waits to pods that have room."""
        waiting = self._waiting
        while waiting:
            pod = self._free_pod()
            if pod is None:
                return
            pod.calls.send(waiting.popleft())

    def take_back(self, tickets: Sequence[Ticket]) -> None:
        """Take calls that a pod has not begun; they are older than all that wait."""
        for ticket in reversed(tickets):
            ticket.place = self
            if ticket.stopping is None:
                self._waiting.appendleft(ticket)
            else:
                ticket.resolve(ticket.stopping)
        if self.refusal is not None:
            self.fail_waiting(self.refusal)
        else:
            self.hand_out()

    def fail_waiting(self, failure: Failure) -> None:
        """Give all that wait this outcome."""
        while self._waiting:
            self._waiting.popleft().resolve(failure)

    def stop(self, ticket: Ticket) -> None:
        """Take a call off the queue."""
        if ticket.stopping is not None:
            self._waiting.remove(ticket)
            ticket.resolve(ticket.stopping)

    def grant(self, ticket: Ticket, size: int | None) -> None:
        """Do nothing: a call that waits has no items, and is sent with what is known then."""

    def _free_pod(self) -> Pod | None:
        found = None
        for pod in self._pods:
            if pod.calls.has_room and (found is None or pod.calls.load < found.calls.load):
                found = pod
        return found

    def _note_resolved(self) -> None:
        self._count -= 1
        if self._count == 0:
            self.quiet_since = self._loop.time()
            self._on_quiet()

    def _retry_after_s(self) -> int:
        if not self._pods:
            return _MAX_RETRY_AFTER_S // 10
        call_s = sum(pod.calls.pace.call_s for pod in self._pods) / len(self._pods)
        estimate = math.ceil(self._count * call_s / len(self._pods))
        return max(1, min(_MAX_RETRY_AFTER_S, estimate))
