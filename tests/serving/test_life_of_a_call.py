"""The states of a call that a pod answers, one after the other, and what its caller is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headrace.control.warm import Made, StillRunning, WarmAnswer
from headrace.core.errors import NotFound
from headrace.core.executions import Status
from headrace.core.outcomes import CANCELLED
from headrace.engines.port import Ticket
from headrace.serving.call import Call, State
from headrace.serving.form import Form
from headrace.store.book.port import Verdict
from headrace.store.execution_row import COLUMNS, Row


class Rows:
    """Makes rows that say what they are of, in place of those of a deployment."""

    def inputs_text(self, values: list[str]) -> str:
        return f"[{','.join(values)}]"

    def row(self, execution_id: str, worker_id: str, status: Status, *rest: Any) -> Row:
        times_us, inputs, outputs, failure = rest
        return (execution_id, status.value, *times_us, inputs, outputs, failure, worker_id)


class FormOfOne:
    """The form of calls with one input and one output."""

    rows = Rows()

    deployment = SimpleNamespace(name="adder")
    version = 3

    def texts_of(self, arguments: dict[str, Any]) -> list[str]:
        return [str(value) for value in arguments.values()]

    def answer(self, texts: list[str]) -> str:
        return f'{{"y":{texts[0]}}}'


@dataclass
class Submitted:
    """What an engine gives for a call."""

    started_us: int = 0


@dataclass
class Tried:
    """A call, and what its caller was told."""

    told: list[Made] = field(default_factory=list)
    ticket: Submitted = field(default_factory=Submitted)

    def __post_init__(self) -> None:
        self.call = Call(cast("Form", FormOfOne()), {"x": 1}, self.told.append)

    def submit(self) -> Call:
        self.call.set_submitted(cast("Ticket", self.ticket))
        return self.call


@pytest.fixture
def tried() -> Tried:
    return Tried()


def status(row: Row) -> str:
    return str(row[COLUMNS.index("status")])


def test_a_call_that_is_soon_done_has_one_row(tried: Tried) -> None:
    call = tried.call
    assert repr(call) == f"<call {call.id} of 'adder': accepted>"
    tried.submit()
    assert call.state is State.SUBMITTED
    assert status(call.end(["2"], "w")) == "Succeeded"
    assert call.state is State.ENDED
    call.set_on_record()
    assert tried.told == []
    call.answer()
    assert repr(call) == f"<call {call.id} of 'adder': answered>"
    assert tried.told == [WarmAnswer(call.id, '{"y":2}', 3)]


def test_a_call_that_takes_long_is_noted_as_it_is(tried: Tried) -> None:
    call = tried.submit()
    assert call.is_ahead_of_its_row
    assert status(call.note("w")) == "Pending"
    assert call.state is State.NOTING
    assert not call.is_ahead_of_its_row, "its row is on its way"
    assert call.waits_for_its_book
    assert call.given_us > 0
    call.hear_note(Verdict.KEPT)
    assert not call.waits_for_its_book
    assert (call.state, call.noted) == (State.NOTED, Status.PENDING)
    assert not call.is_ahead_of_its_row
    tried.ticket.started_us = 5
    assert call.is_ahead_of_its_row, "the row says that it waits"
    assert status(call.note("w")) == "Running"
    call.hear_note(Verdict.KEPT)
    assert not call.is_ahead_of_its_row
    call.tell_late()
    assert status(call.end(CANCELLED, "w")) == "Failed"
    call.set_on_record()
    call.answer()
    assert tried.told == [StillRunning(call.id, 3)], "its caller is told one thing"


def test_a_call_may_end_before_it_is_known_that_it_was_noted(tried: Tried) -> None:
    call = tried.submit()
    call.note("w")
    call.end(["2"], "w")
    call.hear_note(Verdict.KEPT)
    assert (call.state, call.noted) == (State.ENDED, Status.PENDING)


def test_a_call_may_end_before_it_is_known_that_it_was_submitted(tried: Tried) -> None:
    tried.call.end(["2"], "w")
    assert tried.submit().state is State.ENDED


def test_of_a_call_that_is_lost_its_caller_is_told_why(tried: Tried) -> None:
    call = tried.submit()
    call.end(["2"], "w")
    gone = NotFound("gone")
    call.set_lost(gone)
    assert (call.state, tried.told) == (State.LOST, [gone])


@pytest.mark.parametrize("verdict", Verdict)
async def test_whoever_waits_for_its_row_is_let_go_whatever_becomes_of_it(
    tried: Tried, verdict: Verdict
) -> None:
    call = tried.submit()
    waiting = [asyncio.ensure_future(call.in_a_book()) for _ in range(2)]
    await asyncio.sleep(0)
    call.note("w")
    call.hear_note(verdict)
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    assert (call.noted is not None) == (verdict is Verdict.KEPT)
