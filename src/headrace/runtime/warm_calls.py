"""Calls of endpoints that pods answer: each is on record before its answer leaves.

A call whose answer is its acknowledgement is recorded at its end, in one commit with the others
that ended meanwhile. One that takes longer than :data:`RECORD_AFTER_S` is recorded by then.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Mapping

from headrace.control.variables import Variables
from headrace.control.warm import WarmAnswer, WarmStream
from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidValue, NotFound, Overloaded, Unavailable
from headrace.core.executions import Status, status_after
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, QueueFull
from headrace.core.values import Json
from headrace.engines.port import PodEngine, Ticket
from headrace.logs.files import LogFiles
from headrace.runtime.pods import PodSets
from headrace.runtime.recording import PAUSES_S
from headrace.runtime.warm_form import WarmForm, is_plain
from headrace.runtime.worker import STOPPED, Worker
from headrace.signals.port import Signals, execution_topic
from headrace.store import warm
from headrace.store.database import Database
from headrace.wire.problems import call_failed

logger = logging.getLogger(__name__)

RECORD_AFTER_S = 0.06
"""A call that has not ended by then is put on record as it is (100 ms is what is promised)."""

LOOK_S = 0.02
"""How often calls that run are looked at."""

_EXECUTION_ID = ("CRAFT_AI_EXECUTION_ID", "HEADRACE_EXECUTION_ID")


class Flight:
    """A call from its acceptance to its record."""

    __slots__ = (
        "began",
        "created_us",
        "ended_us",
        "failure",
        "form",
        "hold_until",
        "id",
        "inputs",
        "is_recorded",
        "on_record",
        "outputs",
        "reply",
        "ticket",
        "waits_on_record",
    )

    def __init__(
        self, form: WarmForm, inputs: list[str | None], reply: asyncio.Future[WarmAnswer | str]
    ) -> None:
        self.id = new_id()
        self.form = form
        self.inputs = inputs
        self.reply = reply
        self.created_us = time.time_ns() // 1000
        self.began = 0.0
        self.hold_until = 0.0
        self.ended_us = 0
        self.outputs: list[str] | None = None
        self.failure: Failure | None = None
        self.is_recorded = False
        self.waits_on_record = False
        self.ticket: Ticket | None = None
        self.on_record: asyncio.Future[None] | None = None

    @property
    def started_us(self) -> int | None:
        """When its code began, if it has."""
        return (self.ticket and self.ticket.started_us) or None

    @property
    def is_ahead_of_record(self) -> bool:
        """Whether it runs or waits, and its row is missing or says that it waits still."""
        if self.ended_us:
            return False
        return not self.is_recorded or (self.waits_on_record and self.started_us is not None)

    def set_recorded(self) -> None:
        """Take note that it has a row, and tell who waits for that."""
        self.is_recorded = True
        if self.on_record is not None and not self.on_record.done():
            self.on_record.set_result(None)


class WarmEndpointCalls:
    """Makes and records calls (:class:`headrace.control.warm.WarmCalls`)."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        engine: PodEngine,
        sets: PodSets,
        worker: Worker,
        variables: Variables,
        logs: LogFiles,
        workspaces: str,
    ) -> None:
        self._database = database
        self._signals = signals
        self._engine = engine
        self._sets = sets
        self._worker = worker
        self._variables = variables
        self._logs = logs
        self._workspaces = workspaces
        self._loop = asyncio.get_running_loop()
        self._forms: dict[str, WarmForm] = {}
        self._flights: dict[str, Flight] = {}
        self._ended: list[Flight] = []
        self._to_record: list[Flight] = []
        self._writing: asyncio.Task[None] | None = None
        self._looking: asyncio.TimerHandle | None = None
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
        form = self._form(deployment)
        if form is None:
            raise Unavailable("The endpoint's pods are about to start: try again.")
        return await self._fly(form, form.read_all(values), hold_s)

    async def call_plainly(
        self, deployment: Deployment, values: Mapping[str, Json], hold_s: float
    ) -> WarmAnswer | str | None:
        """Do as :meth:`call` for a call with each of its inputs; None if it is any other."""
        form = self._form(deployment)
        arguments = None if form is None else form.read(values)
        if form is None or arguments is None:
            return None
        return await self._fly(form, arguments, hold_s)

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop a call, to end with ``failure``; False if there is no such call."""
        flight = self._flights.get(execution_id)
        if flight is None or flight.ticket is None:
            return False
        flight.ticket.stop(failure)
        return True

    async def record(self, execution_id: str) -> bool:
        """Record a call that runs and is not on record yet; False if there is no such call."""
        flight = self._flights.get(execution_id)
        if flight is None:
            return False
        if not flight.is_recorded:
            if flight.on_record is None:
                flight.on_record = self._loop.create_future()
            if not flight.ended_us:
                self._to_record.append(flight)
                self._write()
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
        while self._writing is not None:
            await self._writing
        if self._looking is not None:
            self._looking.cancel()

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
        form = self._forms[deployment.id] = WarmForm(deployment)
        return form

    async def stream(self, deployment: Deployment, values: Mapping[str, Json]) -> WarmStream:
        """Make a call whose items are read while it runs; it is on record when this returns.

        Raises:
            InvalidValue, TooLarge, Overloaded, Unavailable: As by :meth:`call`.
            PipelineExecutionFailed: It failed before anything ran.
        """
        form = self._form(deployment)
        if form is None:
            raise Unavailable("The endpoint's pods are about to start: try again.")
        flight = await self._take_off(form, form.read_all(values), math.inf, is_stream=True)
        if flight.ticket is None:
            made = await flight.reply
            if isinstance(made, WarmAnswer) and made.failure is not None:
                raise call_failed(made.execution_id, status_after(made.failure), made.failure)
        await self.record(flight.id)
        items = None if flight.ticket is None else flight.ticket.items
        if items is None:
            raise LookupError("a call that is streamed has items")
        return WarmStream(flight.id, items, flight.reply)

    async def _fly(
        self, form: WarmForm, arguments: dict[str, Json], hold_s: float
    ) -> WarmAnswer | str:
        flight = await self._take_off(form, arguments, hold_s)
        return await flight.reply

    async def _take_off(
        self,
        form: WarmForm,
        arguments: dict[str, Json],
        hold_s: float,
        *,
        is_stream: bool = False,
    ) -> Flight:
        """Hand a call to the pods.

        Raises:
            InvalidValue, Overloaded, Unavailable: It was not; nothing is recorded.
        """
        variables = await self._variables.current()
        flight = Flight(form, form.texts_of(arguments), self._loop.create_future())
        try:
            form.add_late(arguments, variables)
        except InvalidValue as error:
            # No mistake of the caller's, so it is an execution that failed, as an elastic one is.
            self._end_at_once(flight, Failure(FailureKind.BAD_INPUT, error.message))
            return flight
        execution_id = flight.id
        flight.began = self._loop.time()
        flight.hold_until = flight.began + hold_s
        call = PodCall(
            execution_id=execution_id,
            values=arguments,
            identity=dict.fromkeys(_EXECUTION_ID, execution_id),
            variables=variables,
            log=self._logs.text_of_execution(execution_id),
            workspace=f"{self._workspaces}/{execution_id}",
            stream=is_stream,
        )
        try:
            ticket = self._engine.submit(form.deployment.id, call)
        except KeyError:
            raise Unavailable("The endpoint's pods are about to start: try again.") from None
        if isinstance(ticket, QueueFull):
            raise Overloaded(
                f"{ticket.waiting:,} calls of this endpoint wait already: try again in "
                f"{ticket.retry_after_s} s.",
                details={"retry_after_s": ticket.retry_after_s},
            )
        flight.ticket = ticket
        self._flights[execution_id] = flight
        ticket.ended.add_done_callback(lambda ended: self._hear_end(flight, ended))
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)
        return flight

    def _end_at_once(self, flight: Flight, failure: Failure) -> None:
        flight.failure = failure
        flight.ended_us = time.time_ns() // 1000
        self._flights[flight.id] = flight
        self._ended.append(flight)
        self._write()

    def _hear_end(self, flight: Flight, ended: asyncio.Future[Outcome]) -> None:
        outcome = ended.result()
        texts = outcome if isinstance(outcome, Failure) else flight.form.outputs_of(outcome)
        if isinstance(texts, Failure):
            flight.failure = texts
        else:
            flight.outputs = texts
        flight.ended_us = time.time_ns() // 1000
        self._ended.append(flight)
        self._write()

    def _look(self) -> None:
        """See to the calls that take long: record them, and let go of those who waited enough."""
        at = self._loop.time()
        self._looking = self._loop.call_later(LOOK_S, self._look) if self._flights else None
        for flight in self._flights.values():
            if at - flight.began < RECORD_AFTER_S and at < flight.hold_until:
                # They are in the order of their beginning.
                break
            if flight.is_ahead_of_record:
                self._to_record.append(flight)
            elif flight.is_recorded and at >= flight.hold_until and not flight.reply.done():
                flight.reply.set_result(flight.id)
        if self._to_record:
            self._write()

    def _write(self) -> None:
        if self._writing is None:
            self._writing = self._loop.create_task(self._write_all(), name="warm calls")

    async def _write_all(self) -> None:
        """Write what there is, again and again, one transaction at a time."""
        pauses = itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1]))
        try:
            while self._ended or self._to_record:
                ended, self._ended = self._ended, []
                # Each once, although it was seen several times while the last commit took long.
                begun = [f for f in dict.fromkeys(self._to_record) if f.is_ahead_of_record]
                self._to_record = []
                try:
                    await self._record(begun, ended)
                except Unavailable as error:
                    logger.error("calls not recorded yet: %s", error.message)  # noqa: TRY400 - its message says all
                    self._ended = ended + self._ended
                    self._to_record = begun + self._to_record
                    await asyncio.sleep(next(pauses))
                except Exception:
                    logger.exception("%d calls could not be recorded together", len(ended))
                    await self._record_singly(begun, ended)
        finally:
            self._writing = None

    async def _record_singly(self, begun: list[Flight], ended: list[Flight]) -> None:
        """Record calls one by one, because one of them cannot be.

        What cannot be recorded even so is told to its caller, who was promised nothing yet.
        """
        for flight in [*begun, *ended]:
            try:
                is_over = bool(flight.ended_us)
                await self._record([flight] * (not is_over), [flight] * is_over)
            except Unavailable:
                (self._ended if flight.ended_us else self._to_record).append(flight)
            except Exception:
                logger.exception("call %s could not be recorded", flight.id)
                self._give_up(flight)

    def _give_up(self, flight: Flight) -> None:
        if flight.ended_us:
            self._flights.pop(flight.id, None)
        flight.set_recorded()
        if not flight.reply.done():
            flight.reply.set_exception(Unavailable("The call could not be recorded."))

    async def _record(self, begun: list[Flight], ended: list[Flight]) -> None:
        worker_id = self._worker.worker_id
        waiting = {flight.id for flight in begun if flight.started_us is None}
        rows = [_row(flight, worker_id) for flight in begun if not flight.is_recorded]
        rows += [_row(flight, worker_id) for flight in ended if not flight.is_recorded]
        known = [flight for flight in ended if flight.is_recorded]
        changes = [
            warm.start_of(flight.id, worker_id, flight.started_us)
            for flight in begun
            if flight.is_recorded
        ]
        ends = [_end(flight, worker_id) for flight in known]
        lost = await self._database.write(warm.record, rows, changes, ends)
        for flight in begun:
            flight.waits_on_record = flight.id in waiting
            flight.set_recorded()
        for flight in ended:
            self._conclude(flight, is_lost=flight.id in lost)
        for flight in known:
            # Somebody else may know its id, and wait.
            self._signals.notify(execution_topic(flight.id))

    def _conclude(self, flight: Flight, *, is_lost: bool) -> None:
        self._flights.pop(flight.id, None)
        flight.set_recorded()
        if flight.reply.done():
            return
        if is_lost:
            name = flight.form.deployment.name
            flight.reply.set_exception(NotFound(f"{name!r} was deleted in the meantime."))
            return
        answer = "{}" if flight.outputs is None else flight.form.answer(flight.outputs)
        flight.reply.set_result(WarmAnswer(flight.id, answer, flight.failure))


def _row(flight: Flight, worker_id: str) -> warm.Row:
    started = flight.started_us
    if flight.ended_us:
        status = status_after(flight.failure)
    else:
        status = Status.PENDING if started is None else Status.RUNNING
    return flight.form.rows.row(
        flight.id,
        worker_id,
        status,
        (flight.created_us, started, flight.ended_us or None),
        flight.inputs,
        flight.outputs,
        flight.failure,
    )


def _end(flight: Flight, worker_id: str) -> dict[str, object]:
    outputs = flight.form.rows.outputs_text(flight.outputs)
    times = (flight.started_us, flight.ended_us)
    return warm.end_of(
        flight.id, worker_id, status_after(flight.failure), times, outputs, flight.failure
    )
