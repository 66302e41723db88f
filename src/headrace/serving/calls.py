"""Calls of endpoints that pods answer: each is on record before its answer leaves.

A call whose answer is its acknowledgement is recorded at its end, in one commit with the others
that ended meanwhile. One that takes longer than :data:`RECORD_AFTER_S` is recorded by then.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from functools import partial

from headrace.control.variables import Variables
from headrace.control.warm import OnAnswer, WarmAnswer, WarmStream
from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidValue, NotFound, Overloaded, Unavailable
from headrace.core.executions import status_after
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, QueueFull
from headrace.core.values import Json
from headrace.engines.port import PodEngine
from headrace.logs.files import LogFiles
from headrace.pods.sets import PodSets
from headrace.running.worker import STOPPED, Worker
from headrace.serving.call import Flight, settle
from headrace.serving.form import WarmForm, is_plain, separated
from headrace.serving.ladder import WarmRecord
from headrace.signals.port import Signals
from headrace.store.book.journal_file import Journal
from headrace.store.database import Database
from headrace.wire.problems import call_failed

RECORD_AFTER_S = 0.06
"""A call that has not ended by then is put on record as it is (100 ms is what is promised)."""

LOOK_S = 0.02
"""How often calls that run are looked at."""

ALONE_S = 0.05
"""How long calls must have come one by one for one to go to the journal (ADR 0018)."""

UNRECORDED_S = 20.0
"""A caller whose call has ended so long ago, and could not be recorded since, is told so. No
request is held for longer."""

STALLED_S = 3.0
"""Calls that wait longer to be recorded are a fault of the server."""

_EXECUTION_ID = ("CRAFT_AI_EXECUTION_ID", "HEADRACE_EXECUTION_ID")


class WarmEndpointCalls:
    """Makes and records calls (:class:`headrace.control.warm.WarmCalls`)."""

    def __init__(
        self,
        database: Database,
        journal: Journal | None,
        signals: Signals,
        engine: PodEngine,
        sets: PodSets,
        worker: Worker,
        variables: Variables,
        logs: LogFiles,
        workspaces: str,
        max_input_bytes: int,
    ) -> None:
        self._engine = engine
        self._sets = sets
        self._variables = variables
        self._logs = logs
        self._workspaces = workspaces
        self._max_input_bytes = max_input_bytes
        self._loop = asyncio.get_running_loop()
        self._forms: dict[str, WarmForm] = {}
        self._flights: dict[str, Flight] = {}
        self._record = WarmRecord(
            database, journal, signals, lambda: worker.worker_id, self._conclude
        )
        self._looking: asyncio.TimerHandle | None = None
        self._together_at = 0.0  # when calls were last under way at once
        self._is_closed = False

    def can_answer(self, deployment: Deployment) -> bool:
        """Tell whether calls of a deployment may go this way now."""
        return self._form(deployment) is not None

    async def call(
        self, deployment: Deployment, values: Mapping[str, Json], hold_s: float
    ) -> WarmAnswer | str:
        """Make a call; return the answer, or the id if it takes longer than ``hold_s``.

        Raises:
            InvalidValue, TooLarge: What was sent does not fit; nothing was recorded.
            Overloaded: Too many calls wait; nothing was recorded.
            Unavailable: The pods are gone, or the record could not be written.
        """
        form = self._needed_form(deployment)
        arguments = form.read_all(values)
        variables = await self._variables.current()
        made: asyncio.Future[WarmAnswer | str] = self._loop.create_future()
        self._take_off(form, arguments, variables, hold_s, partial(settle, made))
        return await made

    def begin(
        self,
        deployment: Deployment,
        values: Mapping[str, Json],
        hold_s: float,
        on_answer: OnAnswer,
    ) -> bool:
        """Begin a call with each of its inputs, and return True; False if it is any other.

        Raises:
            Overloaded: Too many calls wait; nothing was recorded.
            Unavailable: The pods are gone.
        """
        form = self._form(deployment)
        arguments = None if form is None else form.read(values)
        variables = self._variables.known
        if form is None or arguments is None or variables is None:
            return False
        self._take_off(form, arguments, variables, hold_s, on_answer)
        return True

    async def stream(self, deployment: Deployment, values: Mapping[str, Json]) -> WarmStream:
        """Make a call whose items are read while it runs; it is on record when this returns.

        Raises:
            InvalidValue, TooLarge, Overloaded, Unavailable: As by :meth:`call`.
            PipelineExecutionFailed: It failed before anything ran.
        """
        form = self._needed_form(deployment)
        arguments = form.read_all(values)
        variables = await self._variables.current()
        made: asyncio.Future[WarmAnswer | str] = self._loop.create_future()
        flight = self._take_off(
            form, arguments, variables, math.inf, partial(settle, made), is_stream=True
        )
        if flight.ticket is None:
            answer = await made
            if isinstance(answer, WarmAnswer) and answer.failure is not None:
                status = status_after(answer.failure)
                raise call_failed(answer.execution_id, status, answer.failure)
        await self.record(flight.id)
        items = None if flight.ticket is None else flight.ticket.items
        if items is None:
            raise LookupError("a call that is streamed has items")
        return WarmStream(flight.id, items, made)

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop a call, to end with ``failure``; False if there is no such call."""
        flight = self._flights.get(execution_id)
        if flight is None or flight.ticket is None:
            return False
        flight.ticket.stop(failure)
        return True

    async def recorded(self) -> str:
        """Return that calls are being recorded; raises Unavailable if they wait for it long."""
        if self._record.waits_s > STALLED_S:
            raise Unavailable(f"Calls wait for {self._record.waits_s:.0f} s to be recorded.")
        return "calls are recorded"

    async def record(self, execution_id: str) -> bool:
        """Record a call that runs and is not on record yet; False if there is no such call."""
        flight = self._flights.get(execution_id)
        if flight is None:
            return False
        if not flight.is_recorded:
            if flight.on_record is None:
                flight.on_record = self._loop.create_future()
            if not flight.ended_us:
                self._record.add_begun([flight])
            await asyncio.shield(flight.on_record)
        return True

    async def close(self, grace_s: float) -> None:
        """Take no more calls, give those there are ``grace_s`` to end, then stop them."""
        self._is_closed = True
        running = [flight.ticket.ended for flight in self._flights.values() if flight.ticket]
        if running:
            await asyncio.wait(running, timeout=grace_s)
        for execution_id in list(self._flights):
            self.stop(execution_id, STOPPED)
        if running:
            await asyncio.wait(running)
        await self._record.close()
        if self._looking is not None:
            self._looking.cancel()

    def describe_unwritten(self) -> str:
        """Say how many calls are not on record, and where those are that are on their way."""
        return (
            f"{len(self._flights):,} calls of pods are under way or not on record, and were not "
            f"answered; {self._record.describe_unmoved()}"
        )

    def _form(self, deployment: Deployment) -> WarmForm | None:
        """Return the form of a deployment whose pods take calls, if they can be made this way."""
        lane = self._sets.lanes.get(deployment.id)
        if lane is None or not lane.is_up or self._is_closed:
            return None
        form = self._forms.get(deployment.id)
        if form is not None and form.deployment is deployment:
            return form
        if not is_plain(deployment):
            return None
        if len(self._forms) > len(self._sets.lanes):
            # Of deployments that are gone.
            self._forms.clear()
        form = self._forms[deployment.id] = WarmForm(deployment, self._max_input_bytes)
        return form

    def _needed_form(self, deployment: Deployment) -> WarmForm:
        form = self._form(deployment)
        if form is None:
            raise _not_there()
        return form

    def _take_off(
        self,
        form: WarmForm,
        arguments: dict[str, Json],
        variables: Mapping[str, str],
        hold_s: float,
        on_answer: OnAnswer,
        *,
        is_stream: bool = False,
    ) -> Flight:
        """Hand a call to the pods.

        Raises:
            Overloaded, Unavailable: It was not; nothing is recorded.
        """
        flight = Flight(form, arguments, on_answer)
        try:
            form.add_late(arguments, variables)
        except InvalidValue as error:
            # No mistake of the caller's, so it is an execution that failed, as an elastic one is.
            self._flights[flight.id] = flight
            flight.set_ended(None, Failure(FailureKind.BAD_INPUT, error.message))
            self._record.add_ended(flight)
            return flight
        given, absent = separated(arguments)
        execution_id = flight.id
        flight.began = self._loop.time()
        flight.hold_until = flight.began + hold_s
        call = PodCall(
            execution_id=execution_id,
            values=given,
            identity=dict.fromkeys(_EXECUTION_ID, execution_id),
            variables=variables,
            log=self._logs.text_of_execution(execution_id),
            workspace=f"{self._workspaces}/{execution_id}",
            stream=is_stream,
            absent=absent,
        )
        # Before it is submitted, because it may end at once.
        self._flights[execution_id] = flight
        if len(self._flights) > 1:
            self._together_at = flight.began
        try:
            ticket = self._engine.submit(form.deployment.id, call, partial(self._hear_end, flight))
        except KeyError:
            del self._flights[execution_id]
            raise _not_there() from None
        if isinstance(ticket, QueueFull):
            del self._flights[execution_id]
            raise Overloaded(
                f"{ticket.waiting:,} calls of this endpoint wait already: try again in "
                f"{ticket.retry_after_s} s.",
                details={"retry_after_s": ticket.retry_after_s},
            )
        flight.ticket = ticket
        flight.inputs_text()  # now, while the pod is at work
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)
        return flight

    def _hear_end(self, flight: Flight, outcome: Outcome) -> None:
        texts = outcome if isinstance(outcome, Failure) else flight.form.outputs_of(outcome)
        if isinstance(texts, Failure):
            flight.set_ended(None, texts)
        else:
            flight.set_ended(texts, None)
        # Without a ticket it has ended before it was handed over, and its caller is not ready yet.
        is_alone = flight.ticket is not None and flight.began - self._together_at > ALONE_S
        self._record.add_ended(flight, is_alone=is_alone)

    def _look(self) -> None:
        """See to the calls that take long: record them, and let go of those who waited enough."""
        at = self._loop.time()
        self._looking = self._loop.call_later(LOOK_S, self._look) if self._flights else None
        begun, overdue = [], []
        since_us = (time.time_ns() - int(UNRECORDED_S * 1e9)) // 1000
        for flight in self._flights.values():
            if 0 < flight.ended_us < since_us:
                flight.tell(_not_recorded())
                continue
            if at - flight.began < RECORD_AFTER_S and at < flight.hold_until:
                # They are in the order of their beginning.
                break
            if flight.is_ahead_of_record:
                begun.append(flight)
            elif flight.is_recorded and at >= flight.hold_until:
                overdue.append(flight)
        if begun:
            self._record.add_begun(begun)
        for flight in overdue:
            flight.tell(flight.id)

    def _conclude(self, flight: Flight, is_lost: bool) -> None:
        """Answer the caller of a call whose end is on disk."""
        del self._flights[flight.id]
        if flight.is_answered:
            return
        if is_lost:
            name = flight.form.deployment.name
            flight.tell(NotFound(f"{name!r} was deleted in the meantime."))
            return
        answer = "{}" if flight.outputs is None else flight.form.answer(flight.outputs)
        flight.tell(WarmAnswer(flight.id, answer, flight.failure))


def _not_recorded() -> Unavailable:
    return Unavailable(
        f"The call has ended, but could not be recorded within {UNRECORDED_S:.0f} s: the disk of "
        "the server is full, or does not answer. It is recorded once that is over."
    )


def _not_there() -> Unavailable:
    return Unavailable("The endpoint's pods are about to start: try again.")
