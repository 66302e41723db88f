"""The life of a call that a pod answers, from its acceptance to its answer.

==========  =====================================  =============================================
State       Moved there by                         On disk
==========  =====================================  =============================================
accepted    ``Calls._begin``                       nothing
submitted   ``Calls._begin``                       nothing; the pods have it
noting      ``Calls._note``, if it takes long      nothing; a row that it waits or runs is coming
noted       ``Call.hear_note``, told by the book   that row, in the database
ended       ``Calls._end``, told by the pods       what was there; the end is with a book
on record   ``Calls._hear_book``                   the end: in the journal, or in the database
answered    ``Calls._hear_book``                   the end, and its caller was told it
lost        ``Calls._hear_book``                   nothing is promised; its caller was told so
==========  =====================================  =============================================

A call goes down this list and never up, except that a row which says that it waits is written again
once it runs; *noting* and *noted* are for slow calls alone. Its caller is told one thing, once:
mostly the end, when it is on record; the id, if the call is noted and takes longer than the caller
waits; or that the end could not be recorded in time.
"""

from __future__ import annotations

import asyncio
from enum import Enum

from headrace.control.warm import Held, Made, OnAnswer, StillRunning, WarmAnswer
from headrace.core.clock import now_us
from headrace.core.executions import Status, status_after
from headrace.core.names import new_id
from headrace.core.outcomes import Failure
from headrace.core.values import Json
from headrace.engines.port import Ticket
from headrace.serving.form import Form
from headrace.store.book.port import Verdict
from headrace.store.execution_row import Row


class State(Enum):
    """Where a call is in its life; the table above says what is on disk."""

    ACCEPTED = "accepted"
    SUBMITTED = "submitted"
    NOTING = "noting"
    NOTED = "noted"
    ENDED = "ended"
    ON_RECORD = "on record"
    ANSWERED = "answered"
    LOST = "lost"


class Call:
    """One call, and who waits for it.

    Attributes:
        id: Id of the execution.
        state: Where it is in its life.
        form: What it has in common with other calls of its deployment.
        arguments: The values of its inputs.
        created_us: When it was accepted, in microseconds since 1970 UTC.
        began: The same, by the event loop's clock.
        hold_until: When its caller is told the id instead of the answer, by the same clock.
        ended_us: When its end was known; 0 before.
        given_us: When a book was last given a row of it.
        outputs: JSON of each output, if it succeeded.
        failure: Why it did not succeed.
        ticket: What the engine gave for it.
        noted: The status that its row says although it has not ended; None if it has no row.
    """

    state = State.ACCEPTED
    began = 0.0
    hold_until = 0.0
    ended_us = 0
    given_us = 0
    outputs: list[str] | None = None
    failure: Failure | None = None
    ticket: Ticket | None = None
    noted: Status | None = None
    _written = Status.PENDING
    _in_a_book: asyncio.Future[None] | None = None
    _inputs_text: str | None = None

    def __init__(self, form: Form, arguments: dict[str, Json], on_answer: OnAnswer) -> None:
        self.id = new_id()
        self.form = form
        self.arguments = arguments
        self.created_us = now_us()
        self._on_answer: OnAnswer | None = on_answer

    def __repr__(self) -> str:
        return f"<call {self.id} of {self.form.deployment.name!r}: {self.state.value}>"

    @property
    def started_us(self) -> int | None:
        """When its code began, if it has."""
        return (self.ticket and self.ticket.started_us) or None

    @property
    def is_ahead_of_its_row(self) -> bool:
        """Whether it waits or runs, and no row says so yet."""
        if self.state is State.NOTED:
            return self.noted is Status.PENDING and self.started_us is not None
        return self.state is State.SUBMITTED

    @property
    def waits_for_its_book(self) -> bool:
        """Whether a book was given a row of it, and has not said what became of that."""
        return self.state in {State.NOTING, State.ENDED}

    def set_submitted(self, ticket: Ticket) -> None:
        """Take note that the pods have it; it may have ended already."""
        self.ticket = ticket
        if self.state is State.ACCEPTED:
            self.state = State.SUBMITTED
        self.inputs_text()  # now, while the pod is at work

    def note(self, worker_id: str) -> Row:
        """Return the row that says that it waits or runs, to be put on disk."""
        self.state = State.NOTING
        self.given_us = now_us()
        self._written = Status.PENDING if self.started_us is None else Status.RUNNING
        return self._row(worker_id, self._written)

    def hear_note(self, verdict: Verdict) -> None:
        """Take the book's verdict on this row; the call may have ended meanwhile."""
        if verdict is Verdict.KEPT:
            self.noted = self._written
            if self.state is State.NOTING:
                self.state = State.NOTED
        self._let_go()

    def end(self, end: list[str] | Failure, worker_id: str) -> Row:
        """Return the row that says how it ended, to be put on disk."""
        if isinstance(end, Failure):
            self.failure = end
        else:
            self.outputs = end
        self.ended_us = self.given_us = now_us()
        self.state = State.ENDED
        return self._row(worker_id, status_after(self.failure))

    def set_on_record(self) -> None:
        """Take note that its end is on disk."""
        self.state = State.ON_RECORD
        if self._in_a_book is not None:
            self._let_go()

    def set_lost(self, reason: Exception) -> None:
        """Tell its caller that nothing is on record, and why."""
        self.state = State.LOST
        self._let_go()
        self.tell(reason)

    def answer(self) -> None:
        """Tell its caller how it ended, which is on disk."""
        self.state = State.ANSWERED
        if self._on_answer is not None:
            text = "{}" if self.outputs is None else self.form.answer(self.outputs)
            self.tell(WarmAnswer(self.id, text, self.form.version, self.failure))

    def tell_late(self) -> None:
        """Tell its caller, who has waited enough, that it is on record and has not ended."""
        self.tell(StillRunning(self.id, self.form.version))

    def tell(self, made: Made) -> None:
        """Tell its caller something; nothing happens if something was told already."""
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer(made)

    async def in_a_book(self) -> None:
        """Return once it has a row, or will have none."""
        if self._in_a_book is None:
            self._in_a_book = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._in_a_book)

    def _let_go(self) -> None:
        if self._in_a_book is not None and not self._in_a_book.done():
            self._in_a_book.set_result(None)

    def inputs_text(self) -> str:
        """Return its column of the inputs; whoever has time before it is needed may ask ahead."""
        if self._inputs_text is None:
            form = self.form
            self._inputs_text = form.rows.inputs_text(form.texts_of(self.arguments))
        return self._inputs_text

    def _row(self, worker_id: str, status: Status) -> Row:
        return self.form.rows.row(
            self.id,
            worker_id,
            status,
            (self.created_us, self.started_us, self.ended_us or None),
            self.inputs_text(),
            self.outputs,
            self.failure,
        )


def settle(made: asyncio.Future[Held], answer: Made) -> None:
    """Give whoever waits for a future what a caller is told."""
    if made.done():
        # Whoever waited has gone.
        return
    if isinstance(answer, Exception):
        made.set_exception(answer)
    else:
        made.set_result(answer)
