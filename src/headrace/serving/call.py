"""Calls of pods that are under way, from their acceptance to their record."""

from __future__ import annotations

import asyncio
import time

from headrace.control.warm import Made, OnAnswer, WarmAnswer
from headrace.core.executions import Status, status_after
from headrace.core.names import new_id
from headrace.core.outcomes import Failure
from headrace.core.values import Json
from headrace.engines.port import Ticket
from headrace.serving.form import WarmForm
from headrace.store.book import rows as warm
from headrace.store.execution_row import Row


class Flight:
    """A call from its acceptance to its record.

    Attributes:
        id: Id of the execution.
        form: What it has in common with other calls of its deployment.
        arguments: The values of its inputs.
        created_us: When it was accepted, in microseconds since 1970 UTC.
        began: The same, by the event loop's clock.
        hold_until: When its caller is told the id instead of the answer, by the same clock.
        ended_us: When its end was known; 0 before.
        outputs: JSON of each output, if it succeeded.
        failure: Why it did not succeed.
        is_recorded: Whether it has a row.
        is_of_database: Whether the database has its row, or is about to; the journal has not.
        is_repeated: Whether its row may be on disk although that was not heard.
        waits_on_record: Whether its row says that it waits.
        ticket: What the engine gave for it.
        on_record: Done once it has a row; None if nobody asks.
    """

    __slots__ = (
        "_inputs_text",
        "_on_answer",
        "arguments",
        "began",
        "created_us",
        "ended_us",
        "failure",
        "form",
        "hold_until",
        "id",
        "is_of_database",
        "is_recorded",
        "is_repeated",
        "on_record",
        "outputs",
        "ticket",
        "waits_on_record",
    )

    def __init__(self, form: WarmForm, arguments: dict[str, Json], on_answer: OnAnswer) -> None:
        self.id = new_id()
        self.form = form
        self.arguments = arguments
        self.created_us = time.time_ns() // 1000
        self.began = 0.0
        self.hold_until = 0.0
        self.ended_us = 0
        self.outputs: list[str] | None = None
        self.failure: Failure | None = None
        self.is_recorded = False
        self.is_of_database = False
        self.is_repeated = False
        self.waits_on_record = False
        self.ticket: Ticket | None = None
        self.on_record: asyncio.Future[None] | None = None
        self._on_answer: OnAnswer | None = on_answer
        self._inputs_text: str | None = None

    @property
    def is_answered(self) -> bool:
        """Whether its caller was told something."""
        return self._on_answer is None

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

    def set_ended(self, outputs: list[str] | None, failure: Failure | None) -> None:
        """Take note of how it ended."""
        self.outputs = outputs
        self.failure = failure
        self.ended_us = time.time_ns() // 1000

    def set_recorded(self) -> None:
        """Take note that it has a row, and tell who waits for that."""
        self.is_recorded = True
        if self.on_record is not None and not self.on_record.done():
            self.on_record.set_result(None)

    def tell(self, made: Made) -> None:
        """Tell the caller; nothing happens if something was told already."""
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(made)

    @property
    def size(self) -> int:
        """How many characters its values have on record."""
        return len(self.inputs_text()) + sum(map(len, self.outputs or ()))

    def inputs_text(self) -> str:
        """Return its column of the inputs; whoever has time before it is needed may ask ahead."""
        if self._inputs_text is None:
            form = self.form
            self._inputs_text = form.rows.inputs_text(form.texts_of(self.arguments))
        return self._inputs_text

    def row(self, worker_id: str) -> Row:
        """Return its row, as it is now."""
        started = self.started_us
        if self.ended_us:
            status = status_after(self.failure)
        else:
            status = Status.PENDING if started is None else Status.RUNNING
        return self.form.rows.row(
            self.id,
            worker_id,
            status,
            (self.created_us, started, self.ended_us or None),
            self.inputs_text(),
            self.outputs,
            self.failure,
        )

    def end_row(self, worker_id: str) -> dict[str, object]:
        """Return the change that ends it, if it has a row."""
        return warm.end_of(
            self.id,
            worker_id,
            status_after(self.failure),
            (self.started_us, self.ended_us),
            self.form.rows.outputs_text(self.outputs),
            self.failure,
        )


def settle(made: asyncio.Future[WarmAnswer | str], answer: Made) -> None:
    """Give whoever waits for a future what a caller is told."""
    if made.done():
        # Whoever waited has gone.
        return
    if isinstance(answer, Exception):
        made.set_exception(answer)
    else:
        made.set_result(answer)
