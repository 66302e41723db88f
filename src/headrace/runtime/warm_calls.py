"""Calls of endpoints that pods answer: each is on record before its answer leaves.

A call whose answer is its acknowledgement is recorded at its end, in one commit with the others
that ended meanwhile. One that takes longer than :data:`RECORD_AFTER_S` is recorded by then.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from headrace.control.clock import now
from headrace.control.submission import Order, new_execution
from headrace.control.variables import Variables
from headrace.control.warm import WarmAnswer
from headrace.core.deployments import Deployment
from headrace.core.destinations import EndpointResult, Nowhere
from headrace.core.errors import NotFound, Overloaded, Unavailable
from headrace.core.executions import Execution, OutputRecord, Status, status_after
from headrace.core.mappings import resolve_given
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, QueueFull
from headrace.core.sources import DataStoreFile, GivenValue
from headrace.core.values import DataType, Json, Value
from headrace.engines.port import PodEngine, Ticket
from headrace.logs.files import LogFiles
from headrace.runtime.bindings import StartBindings, resolve
from headrace.runtime.delivery import problem_with
from headrace.runtime.pods import PodSets
from headrace.runtime.recording import PAUSES_S
from headrace.runtime.worker import STOPPED, Worker
from headrace.signals.port import Signals, execution_topic
from headrace.store import warm
from headrace.store.database import Database
from headrace.store.moments import from_us

logger = logging.getLogger(__name__)

RECORD_AFTER_S = 0.06
"""A call that has not ended by then is put on record as it is (100 ms is what is promised)."""

LOOK_S = 0.02
"""How often calls that run are looked at."""


class Flight:
    """A call from its acceptance to its record."""

    __slots__ = (
        "began",
        "execution",
        "hold_until",
        "is_ended",
        "is_recorded",
        "on_record",
        "reply",
        "ticket",
    )

    def __init__(
        self,
        execution: Execution,
        reply: asyncio.Future[WarmAnswer | str],
        began: float,
        hold_until: float,
    ) -> None:
        self.execution = execution
        self.reply = reply
        self.began = began
        self.hold_until = hold_until
        self.is_recorded = False
        self.is_ended = False
        self.ticket: Ticket | None = None
        self.on_record: asyncio.Future[None] | None = None

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
        self._flights: dict[str, Flight] = {}
        self._ended: list[Flight] = []
        self._to_record: list[Flight] = []
        self._writing: asyncio.Task[None] | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._is_closed = False

    def can_answer(self, deployment: Deployment) -> bool:
        """Tell whether calls of a deployment may go this way now."""
        lane = self._sets.lanes.get(deployment.id)
        return lane is not None and lane.is_up and not self._is_closed and is_plain(deployment)

    async def call(
        self, deployment: Deployment, values: Mapping[str, Json], hold_s: float
    ) -> WarmAnswer | str:
        """Make a call; return the answer, or the id if it takes longer than ``hold_s``.

        Raises:
            InvalidValue: What was sent does not fit; nothing was recorded.
            Overloaded: Too many calls wait; nothing was recorded.
            Unavailable: The pods are gone, or the record could not be written.
        """
        if not any(isinstance(source, GivenValue) for _, source in deployment.sources):
            # As for elastic ones: nothing comes from the call, so what it brings is ignored.
            values = {}
        order = Order(
            pipeline=deployment.pipeline,
            inputs=deployment.inputs,
            outputs=deployment.outputs,
            values=values,
            files={},
            created_by=deployment.created_by,
            deployment=deployment,
        )
        execution_id = new_id()
        given = resolve_given(order.inputs, values)
        execution = new_execution(execution_id, order, given, now())
        variables = await self._variables.current()
        inputs = self._inputs(execution, deployment, variables)
        call = PodCall(
            execution_id=execution_id,
            values=inputs,
            identity={
                "CRAFT_AI_EXECUTION_ID": execution_id,
                "HEADRACE_EXECUTION_ID": execution_id,
            },
            variables=variables,
            log=self._logs.text_of_execution(execution_id),
            workspace=f"{self._workspaces}/{execution_id}",
        )
        began = self._loop.time()
        flight = Flight(execution, self._loop.create_future(), began, began + hold_s)
        self._submit(flight, call)
        return await flight.reply

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
            if not flight.is_ended:
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

    def _submit(self, flight: Flight, call: PodCall) -> None:
        deployment_id = flight.execution.deployment_id or ""
        try:
            ticket = self._engine.submit(deployment_id, call)
        except KeyError:
            raise Unavailable("The endpoint's pods are about to start: try again.") from None
        if isinstance(ticket, QueueFull):
            raise Overloaded(
                f"{ticket.waiting:,} calls of this endpoint wait already: try again in "
                f"{ticket.retry_after_s} s.",
                details={"retry_after_s": ticket.retry_after_s},
            )
        flight.ticket = ticket
        self._flights[flight.execution.id] = flight
        ticket.ended.add_done_callback(lambda ended: self._hear_end(flight, ended))
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)

    def _inputs(
        self, execution: Execution, deployment: Deployment, variables: Mapping[str, str]
    ) -> dict[str, Json]:
        """Return the arguments, those that come from variables included; files there are none."""
        records = execution.inputs
        if any(record.source.is_late for record in records):
            parameters = {parameter.name: parameter for parameter in deployment.pipeline.inputs}
            return _as_json(resolve(records, parameters, StartBindings(variables, {})))
        return _as_json({record.name: record.value for record in records})

    def _hear_end(self, flight: Flight, ended: asyncio.Future[Outcome]) -> None:
        outcome = ended.result()
        execution = flight.execution
        outputs: tuple[OutputRecord, ...] = execution.outputs
        failure: Failure | None = None
        if isinstance(outcome, Failure):
            failure = outcome
        else:
            problems = [p for r in outputs if (p := problem_with(r, outcome))]
            if problems:
                failure = Failure(FailureKind.BAD_OUTPUT, " ".join(problems))
            else:
                outputs = tuple(_delivered(outcome.values, record) for record in outputs)
        ticket = flight.ticket
        flight.execution = replace(
            execution,
            status=status_after(failure),
            started_at=_started(ticket, execution.created_at),
            ended_at=now(),
            outputs=outputs,
            failure=failure,
        )
        flight.is_ended = True
        self._ended.append(flight)
        self._write()

    def _look(self) -> None:
        """See to the calls that take long: record them, and let go of those who waited enough."""
        at = self._loop.time()
        self._looking = self._loop.call_later(LOOK_S, self._look) if self._flights else None
        for flight in self._flights.values():
            if at - flight.began < RECORD_AFTER_S:
                # They are in the order of their beginning.
                break
            if not flight.is_recorded and not flight.is_ended:
                self._to_record.append(flight)
            elif at >= flight.hold_until and not flight.reply.done() and flight.is_recorded:
                flight.reply.set_result(flight.execution.id)
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
                begun = [flight for flight in self._to_record if not flight.is_ended]
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
        """Record calls one by one, because one of them cannot be; it ends as the platform's fault.

        What cannot be recorded even so is told to its caller, who was promised nothing yet.
        """
        for flight in [*begun, *ended]:
            try:
                await self._record([] if flight.is_ended else [flight], [flight] * flight.is_ended)
            except Unavailable:
                (self._ended if flight.is_ended else self._to_record).append(flight)
            except Exception:
                logger.exception("call %s could not be recorded", flight.execution.id)
                self._give_up(flight)

    def _give_up(self, flight: Flight) -> None:
        if flight.is_ended:
            self._flights.pop(flight.execution.id, None)
        flight.set_recorded()
        if not flight.reply.done():
            flight.reply.set_exception(Unavailable("The call could not be recorded."))

    async def _record(self, begun: list[Flight], ended: list[Flight]) -> None:
        new = [flight for flight in ended if not flight.is_recorded]
        known = [flight for flight in ended if flight.is_recorded]
        lost = await self._database.write(
            warm.record,
            self._worker.worker_id,
            begun=[_begun(flight) for flight in begun],
            new=[flight.execution for flight in new],
            known=[flight.execution for flight in known],
        )
        for flight in begun:
            flight.set_recorded()
        for flight in ended:
            self._conclude(flight, is_lost=flight.execution.id in lost)
        for flight in known:
            # Somebody else may know its id, and wait.
            self._signals.notify(execution_topic(flight.execution.id))

    def _conclude(self, flight: Flight, *, is_lost: bool) -> None:
        execution = flight.execution
        self._flights.pop(execution.id, None)
        flight.set_recorded()
        if flight.reply.done():
            return
        if is_lost:
            name = execution.deployment_name
            flight.reply.set_exception(NotFound(f"{name!r} was deleted in the meantime."))
        else:
            flight.reply.set_result(
                WarmAnswer(execution.id, _answered(execution.outputs), execution.failure)
            )


def is_plain(deployment: Deployment) -> bool:
    """Tell whether calls need nothing but values: no files, no second attempt."""
    if deployment.retries.most or not deployment.is_enabled:
        return False
    has_files = any(
        item.parameter.data_type is DataType.FILE or isinstance(item.source, DataStoreFile)
        for item in deployment.inputs
    ) or any(item.parameter.data_type is DataType.FILE for item in deployment.outputs)
    return not has_files


def _begun(flight: Flight) -> Execution:
    """Return a call that has not ended as it is to be recorded."""
    ticket, execution = flight.ticket, flight.execution
    if ticket is None or not ticket.started_us:
        return execution
    return replace(
        execution, status=Status.RUNNING, started_at=_started(ticket, execution.created_at)
    )


def _started(ticket: Ticket | None, otherwise: datetime) -> datetime:
    return otherwise if ticket is None or not ticket.started_us else from_us(ticket.started_us)


def _delivered(values: Mapping[str, Json], record: OutputRecord) -> OutputRecord:
    if isinstance(record.destination, Nowhere):
        return record
    return OutputRecord(record.name, record.data_type, record.destination, values.get(record.name))


def _answered(outputs: Iterable[OutputRecord]) -> dict[str, Json]:
    return _as_json(
        {
            record.destination.name: record.value
            for record in outputs
            if isinstance(record.destination, EndpointResult)
        }
    )


def _as_json(values: Mapping[str, Value]) -> dict[str, Json]:
    return dict(values)
