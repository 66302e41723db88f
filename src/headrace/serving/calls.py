"""Calls of endpoints that pods answer: each is on record before its answer leaves.

A call whose answer is its acknowledgement is recorded at its end, in one commit with the others
that ended meanwhile. One that takes longer than :data:`RECORD_AFTER_S` is recorded by then.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from functools import partial

from headrace.control.variables import Variables
from headrace.control.warm import Held, OnAnswer, WarmAnswer, WarmStream
from headrace.core.clock import now_ns, now_s
from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidValue, Unavailable
from headrace.core.executions import status_after
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, QueueFull
from headrace.core.values import Json
from headrace.engines.port import PodEngine
from headrace.logs.files import LogFiles
from headrace.pods.sets import PodSets
from headrace.running.tasks import STOPPED
from headrace.serving import refusals
from headrace.serving.call import Call, settle
from headrace.serving.form import Form, Forms, separated
from headrace.signals.port import Signals, execution_topic
from headrace.store.book.port import Book, Verdict
from headrace.wire.codec import decode_object
from headrace.wire.problems import call_failed

RECORD_AFTER_S = 0.06
"""A call that has not ended by then is put on record as it is (100 ms is what is promised)."""

LOOK_S = 0.02
"""How often calls that run are looked at."""

ALONE_S = 0.05
"""How long calls must have come one by one for one to go to the journal (ADR 0018)."""

STALLED_S = 3.0
"""Calls that wait longer to be recorded are a fault of the server."""


class Calls:
    """Makes and records calls (:class:`headrace.control.warm.WarmCalls`)."""

    def __init__(
        self,
        book: Book,
        signals: Signals,
        engine: PodEngine,
        sets: PodSets,
        worker_id: str,
        variables: Variables,
        logs: LogFiles,
        workspaces: str,
        max_input_bytes: int,
    ) -> None:
        self._book = book
        self._signals = signals
        self._engine = engine
        self._worker_id = worker_id
        self._variables = variables
        self._logs = logs
        self._workspaces = workspaces
        self._loop = asyncio.get_running_loop()
        self._forms = Forms(sets.lanes, max_input_bytes)
        self._calls: dict[str, Call] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._together_at = 0.0  # when calls were last under way at once
        self._is_closed = False

    def can_answer(self, deployment: Deployment) -> bool:
        """Tell whether calls of a deployment may go this way now."""
        return self._form(deployment) is not None

    async def call(
        self, deployment: Deployment, values: Mapping[str, Json], hold_s: float
    ) -> Held | None:
        """Make a call; see the protocol."""
        begun = await self._begin_any(deployment, values, hold_s)
        return None if begun is None else await begun[1]

    def begin(
        self, deployment: Deployment, body: bytes, hold_s: float, on_answer: OnAnswer
    ) -> bool:
        """Begin a call by its body of JSON; see the protocol."""
        form, variables = self._form(deployment), self._variables.known
        if form is None or variables is None:
            return False
        arguments = form.read(decode_object(body, "the body"), is_small=True)
        self._begin(form, arguments, variables, hold_s, on_answer)
        return True

    async def stream(self, deployment: Deployment, values: Mapping[str, Json]) -> WarmStream | None:
        """Make a call whose items are read while it runs; see the protocol."""
        begun = await self._begin_any(deployment, values, math.inf, is_stream=True)
        if begun is None:
            return None
        call, made = begun
        if call.ticket is None:
            answer = await made
            if isinstance(answer, WarmAnswer) and answer.failure is not None:
                status = status_after(answer.failure)
                raise call_failed(call.id, status, answer.failure, answer.version)
        await self.record(call.id)
        items = None if call.ticket is None else call.ticket.items
        if items is None:
            raise LookupError("a call that is streamed has items")
        return WarmStream(call.id, call.form.version, items, made)

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop a call, to end with ``failure``; False if there is no such call."""
        call = self._calls.get(execution_id)
        if call is None or call.ticket is None:
            return False
        call.ticket.stop(failure)
        return True

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way, or waits to be on record."""
        return not self._calls

    def hold_back(self, *, is_held: bool) -> None:
        """Begin no calls from now on, or begin them again; see the protocol."""
        self._forms.hold_back(is_held=is_held)

    async def recorded(self) -> str:
        """Return that calls are being recorded; raises Unavailable if they wait for it long."""
        given = [call.given_us for call in self._calls.values() if call.waits_for_its_book]
        waits_s = now_s() - min(given) / 1e6 if given else 0.0
        if waits_s > STALLED_S:
            raise Unavailable(f"Calls wait for {waits_s:.0f} s to be recorded.")
        return "calls are recorded"

    async def record(self, execution_id: str) -> bool:
        """Record a call that runs and is not on record yet; False if there is no such call."""
        call = self._calls.get(execution_id)
        if call is None:
            return False
        if call.noted is None:
            if call.is_ahead_of_its_row:
                self._note(call)
            await call.in_a_book()
        return True

    async def close(self, grace_s: float) -> None:
        """Take no more calls, give those there are ``grace_s`` to end, then stop them."""
        self._is_closed = True
        running = [call.ticket.ended for call in self._calls.values() if call.ticket]
        if running:
            await asyncio.wait(running, timeout=grace_s)
        for execution_id in list(self._calls):
            self.stop(execution_id, STOPPED)
        if running:
            await asyncio.wait(running)
        await self._book.close()
        if self._looking is not None:
            self._looking.cancel()

    def describe_unwritten(self) -> str:
        """Say how many calls are not on record, and where those are that are on their way."""
        return (
            f"{len(self._calls):,} calls of pods are under way or not on record, and were not "
            f"answered; {self._book.describe()}"
        )

    def _form(self, deployment: Deployment) -> Form | None:
        return None if self._is_closed else self._forms.of(deployment)

    async def _begin_any(
        self,
        deployment: Deployment,
        values: Mapping[str, Json],
        hold_s: float,
        *,
        is_stream: bool = False,
    ) -> tuple[Call, asyncio.Future[Held]] | None:
        variables = await self._variables.current()
        # From here on in one step of the event loop, in which no other pods can take over.
        form = self._form(deployment)
        if form is None:
            raise refusals.no_pods()
        if form.deployment.pipeline.version.id != deployment.pipeline.version.id:
            return None
        arguments = form.read(values, is_small=False)
        made: asyncio.Future[Held] = self._loop.create_future()
        tell = partial(settle, made)
        call = self._begin(form, arguments, variables, hold_s, tell, is_stream=is_stream)
        return call, made

    def _begin(
        self,
        form: Form,
        arguments: dict[str, Json],
        variables: Mapping[str, str],
        hold_s: float,
        on_answer: OnAnswer,
        *,
        is_stream: bool = False,
    ) -> Call:
        """Accept a call and submit it to the pods.

        Raises:
            Overloaded, Unavailable: It was not; nothing is recorded.
        """
        call = Call(form, arguments, on_answer)
        try:
            if form.late:
                form.add_late(arguments, variables)
        except InvalidValue as error:
            # No mistake of the caller's, so it is an execution that failed, as an elastic one is.
            self._calls[call.id] = call
            self._end(call, Failure(FailureKind.BAD_INPUT, error.message))
            return call
        given, absent = separated(arguments)
        execution_id = call.id
        call.began = self._loop.time()
        call.hold_until = call.began + hold_s
        order = PodCall(
            execution_id=execution_id,
            values=given,
            variables=variables,
            log=self._logs.text_of_execution(execution_id),
            workspace=f"{self._workspaces}/{execution_id}",
            stream=is_stream,
            absent=absent,
            generation=form.crew.generation,
        )
        # Before it is submitted, because it may end at once.
        self._calls[execution_id] = call
        if len(self._calls) > 1:
            self._together_at = call.began
        try:
            ticket = self._engine.submit(form.deployment.id, order, partial(self._hear_pods, call))
        except KeyError:
            del self._calls[execution_id]
            raise refusals.no_pods() from None
        if isinstance(ticket, QueueFull):
            del self._calls[execution_id]
            raise refusals.too_many(ticket)
        call.set_submitted(ticket)
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)
        return call

    def _hear_pods(self, call: Call, outcome: Outcome) -> None:
        """Take the end of a call."""
        self._end(call, outcome if isinstance(outcome, Failure) else call.form.outputs_of(outcome))

    def _end(self, call: Call, end: list[str] | Failure) -> None:
        row = call.end(end, self._worker_id)
        # Without a ticket it has ended before it was handed over, and its caller is not ready yet.
        is_alone = call.ticket is not None and call.began - self._together_at > ALONE_S
        self._book.append(row, partial(self._hear_book, call), is_alone=is_alone)

    def _hear_book(self, call: Call, verdict: Verdict) -> None:
        """Answer the caller of a call whose end is on disk, or can not be."""
        del self._calls[call.id]
        if verdict is Verdict.KEPT:
            call.set_on_record()
            call.answer()
        elif verdict is Verdict.GONE:
            call.set_lost(refusals.was_deleted(call.form.deployment.name))
        else:
            call.set_lost(refusals.never_recorded(is_closing=self._is_closed))
        if call.noted is not None:
            # Somebody else may know its id, and wait.
            self._signals.notify(execution_topic(call.id))

    def _note(self, call: Call) -> None:
        """Record a call that has not ended as it is now."""
        self._book.append(call.note(self._worker_id), call.hear_note)

    def _look(self) -> None:
        """See to the calls that take long: note them, and let go of those who waited enough."""
        at = self._loop.time()
        self._looking = self._loop.call_later(LOOK_S, self._look) if self._calls else None
        since_us = (now_ns() - int(refusals.UNRECORDED_S * 1e9)) // 1000
        slow = []
        for call in self._calls.values():
            if 0 < call.ended_us < since_us:
                call.tell(refusals.not_recorded_yet())
                continue
            if at - call.began < RECORD_AFTER_S and at < call.hold_until:
                # They are in the order of their beginning.
                break
            slow.append(call)
        for call in slow:
            if call.is_ahead_of_its_row:
                self._note(call)
            elif call.noted is not None and at >= call.hold_until:
                call.tell_late()
