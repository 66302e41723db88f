"""The calls that a pod was sent: what it says of them, and how long they may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodPlan
from headrace.engines.local.pods.channel import (
    call_body,
    read_message,
    read_outcome,
    variables_body,
)
from headrace.engines.local.pods.pace import Pace
from headrace.engines.local.pods.process import PodProcess
from headrace.engines.local.pods.settings import PodSettings
from headrace.engines.local.pods.ticket import Ticket
from headrace_harness.frames import Message

_PATIENCE_WITH_HEAD_S = 0.05


class SentOwner(Protocol):
    """Who is told what becomes of the calls."""

    def note_room(self) -> None:
        """Take note that the pod can be sent more."""
        ...

    def take_back(self, tickets: list[Ticket]) -> None:
        """Take calls that the pod has not begun; they are older than all that wait."""
        ...

    def kill_for_call(self) -> None:
        """Kill the pod: nothing else ends the one call that runs in it."""
        ...


class SentCalls:
    """The calls in one pod, in the order in which it was sent them.

    A pod that takes one at a time runs the first of them, the head; the others were sent ahead.

    Attributes:
        plan: What the pod is for.
        pace: How fast it is.
        can_time_out: Whether its calls can be ended at all once they run.
    """

    def __init__(
        self, plan: PodPlan, settings: PodSettings, process: PodProcess, owner: SentOwner
    ) -> None:
        self.plan = plan
        self.pace = Pace()
        self.can_time_out = True
        self._settings = settings
        self._process = process
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._is_sequential = plan.max_parallel is None
        self._variables = plan.variables
        self._number = 0
        self._tickets: dict[int, Ticket] = {}
        self._held: set[int] = set()
        self._deadline: asyncio.TimerHandle | None = None
        self._head_check: asyncio.TimerHandle | None = None

    @property
    def load(self) -> int:
        """Slots that are taken, and calls that were sent ahead."""
        return len(self._tickets) + len(self._held)

    @property
    def has_room(self) -> bool:
        """Whether the pod can be sent a call."""
        limit = self.plan.max_parallel
        return len(self._tickets) + len(self._held) < (self.pace.window if limit is None else limit)

    @property
    def waited_for(self) -> int:
        """Calls whose outcome is not known."""
        return len(self._tickets)

    @property
    def running(self) -> int:
        """Calls that run, and whose outcome is not known."""
        return min(1, len(self._tickets)) if self._is_sequential else len(self._tickets)

    @property
    def is_any_stopping(self) -> bool:
        """Whether a call was told to end."""
        return any(ticket.stopping is not None for ticket in self._tickets.values())

    @property
    def is_stuck(self) -> bool:
        """Whether calls that were given up, but go on, take all slots."""
        limit = self.plan.max_parallel
        return limit is not None and len(self._held) >= limit

    def send(self, ticket: Ticket) -> None:
        """Send the pod a call."""
        call = ticket.call
        is_read = ticket.items is not None and not ticket.items.is_cut
        try:
            body = call_body(self._number + 1, call, is_read=is_read)
        except (ValueError, TypeError, RecursionError) as error:
            why = f"The call could not be written as JSON: {error}."
            ticket.resolve(Failure(FailureKind.BAD_INPUT, why))
            return
        if call.variables is not self._variables:
            if call.variables != self._variables:
                self._process.send(variables_body(self._variables, call.variables))
            self._variables = call.variables
        tickets = self._tickets
        now = time.monotonic()
        is_idle = not tickets
        if is_idle:
            self.pace.begin(now)
        self._number += 1
        # Before the bookkeeping, which is done while the pod wakes up.
        self._process.send(body, is_awaited=is_idle)
        ticket.number = self._number
        ticket.place = self
        tickets[self._number] = ticket
        if is_idle or not self._is_sequential:
            ticket.start(now)
        elif self._head_check is None:
            self._head_check = self._loop.call_later(_PATIENCE_WITH_HEAD_S, self._check_head)
        if self.plan.timeout_s is not None:
            self._mind_deadline(self.plan.timeout_s)

    def stop(self, ticket: Ticket) -> None:
        """Have a call end, or never begin; its slot is free when it really has."""
        self._process.tell({"op": "stop", "number": ticket.number})
        self._loop.call_later(self._settings.stop_grace_s, self._insist, ticket)

    def grant(self, ticket: Ticket, size: int | None) -> None:
        """Let a call send more items."""
        self._process.tell({"op": "grant", "number": ticket.number, "size": size})

    def take(self, bodies: list[bytes]) -> None:
        """Take what the pod says."""
        ended = 0
        for body in bodies:
            ended += self._act_on(read_message(body), len(body))
        if ended:
            self._note_answers(ended)

    async def conclude(self, started: int | None, doom: Failure) -> None:
        """Give all calls their outcomes, and give back those that never began.

        Args:
            started: The highest number that began; None if nobody knows.
            doom: The outcome of what was lost with the pod.
        """
        for timer in (self._deadline, self._head_check):
            if timer is not None:
                timer.cancel()
        back = []
        for number, ticket in self._tickets.items():
            if started is not None and number > started and ticket.stopping is None:
                ticket.started_us = 0
                back.append(ticket)
            else:
                ticket.resolve(doom)
        self._tickets.clear()
        self._owner.take_back(back)

    def _act_on(self, message: Message, size: int) -> int:
        """Do what a message says; return how many calls it ends."""
        op = message["op"]
        if op == "ended":
            number = message["number"]
            ticket = self._tickets.pop(number, None)
            if ticket is None:
                self._free(number)
                return 0
            if "held" in message:
                self._held.add(number)
            if not ticket.started_us and message.get("kind") != "cancelled":
                # Sent ahead, and answered together with those before it.
                ticket.start(time.monotonic())
            ticket.resolve(read_outcome(ticket.call, self.plan, message))
            return 1
        if op == "item":
            ticket = self._tickets.get(message["number"])
            if ticket is not None and ticket.items is not None:
                ticket.items.add(size, message["value"])
        elif op == "freed":
            self._free(message["number"])
        elif op == "withdrawn":
            self._give_back(message["numbers"])
        return 0

    def _free(self, number: int) -> None:
        self._held.discard(number)
        self._owner.note_room()

    def _note_answers(self, count: int) -> None:
        now = time.monotonic()
        self.pace.note_answers(now, count)
        if self._is_sequential and self._tickets:
            head = next(iter(self._tickets.values()))
            if not head.started_us:
                head.start(now)
                if self.plan.timeout_s is not None:
                    self._mind_deadline(self.plan.timeout_s)
        self._owner.note_room()

    def _give_back(self, numbers: Iterable[int]) -> None:
        tickets = [self._tickets.pop(number) for number in numbers if number in self._tickets]
        for ticket in tickets:
            ticket.started_us = 0
        self._owner.take_back(tickets)

    def _check_head(self) -> None:
        """Take back what was sent ahead if the head takes longer than was thought."""
        self._head_check = None
        if len(self._tickets) < 2:
            return
        head, *others = self._tickets.values()
        left = head.began + _PATIENCE_WITH_HEAD_S - time.monotonic()
        if left > 0:
            self._head_check = self._loop.call_later(left, self._check_head)
            return
        self.pace.slow_down()
        numbers = [ticket.number for ticket in others if ticket.stopping is None]
        self._process.tell({"op": "withdraw", "numbers": numbers})

    def _mind_deadline(self, limit_s: float) -> None:
        if self._deadline is None and self.can_time_out:
            self._deadline = self._loop.call_later(limit_s, self._check_deadlines)

    def _check_deadlines(self) -> None:
        """Stop the calls that took too long, and wait for the next that may."""
        self._deadline = None
        limit = self.plan.timeout_s
        if limit is None:
            return
        for ticket in list(self._tickets.values()):
            if ticket.stopping is not None or not ticket.started_us:
                continue
            left = ticket.began + limit - time.monotonic()
            if left > 0:
                self._mind_deadline(left)
                return
            message = f"{self.plan.code.function_name}() did not end within {limit:g} s."
            ticket.stop(Failure(FailureKind.TIMEOUT, message))

    def _insist(self, ticket: Ticket) -> None:
        """Give up a call that was asked to end and has not."""
        number = ticket.number
        if self._tickets.get(number) is not ticket or ticket.stopping is None:
            return
        if self._is_sequential and ticket is next(iter(self._tickets.values())):
            self._owner.kill_for_call()
            return
        del self._tickets[number]
        self._held.add(number)
        ticket.resolve(ticket.stopping)
        self._owner.note_room()
