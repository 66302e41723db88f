"""What a front asks of the main process, and what is done for it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.control.endpoint_cache import Endpoint
from headrace.control.intake import Intake
from headrace.control.process_tokens import ProcessTokens
from headrace.core.credentials import Holder
from headrace.core.errors import HeadraceError, NotFound
from headrace.core.pods import PodSetState
from headrace.core.usage import Measurement
from headrace.pods.plans import Plans
from headrace.running.code import CodeFinder
from headrace.running.worker import Worker
from headrace.server.data_directory import DataDirectory
from headrace.server.fronts.seats import Seat
from headrace.server.fronts.wire import Handler
from headrace.server.settings import Settings
from headrace.signals.port import Signals, execution_topic
from headrace.store.book.rows import record
from headrace.store.database import Database
from headrace.store.execution_row import Row, is_end


@dataclass(frozen=True, slots=True)
class Household:
    """What fronts need of the main process."""

    settings: Settings
    directory: DataDirectory
    database: Database
    signals: Signals
    intake: Intake
    processes: ProcessTokens
    codes: CodeFinder
    plans: Plans
    worker: Worker
    endpoint_at: Callable[[str], Awaitable[Endpoint]]
    public_url: str


def handlers(house: Household, seat: Seat) -> dict[str, Handler]:
    """Return what is done for each message of the front in a seat."""
    database = house.database

    async def write(work: Any, args: Any, kwargs: Any) -> Any:
        made = await database.write(work, *args, **kwargs)
        if work is record:
            _note(house, seat, args[0])
        return made

    async def endpoint(path: str) -> Endpoint | None:
        try:
            return await house.endpoint_at(path)
        except NotFound:
            return None

    def issued(process_id: str, token: str, holder: Holder) -> None:
        seat.processes.add(process_id)
        house.processes.register(process_id, token, holder)

    def serving(process_id: str, number: int) -> None:
        with contextlib.suppress(HeadraceError):
            house.processes.living(process_id).credential.serving = number

    def revoked(process_id: str) -> None:
        seat.processes.discard(process_id)
        house.processes.revoke(process_id)

    def states(found: dict[str, PodSetState]) -> None:
        seat.states = found

    def measured(found: list[Measurement]) -> None:
        seat.measured += found

    return {
        "read": lambda work, args, kwargs: database.read(work, *args, **kwargs),
        "write": write,
        "endpoint": endpoint,
        "plan": house.plans.of,
        "material": house.codes.resolve,
        "issued": issued,
        "serving": serving,
        "revoked": revoked,
        "states": states,
        "measured": measured,
    }


def _note(house: Household, seat: Seat, rows: Sequence[Row]) -> None:
    """Take note of calls that run, and tell who waits for those that have ended."""
    for row in rows:
        if is_end(row):
            seat.noted.discard(row[0])
            house.signals.notify(execution_topic(row[0]))
        else:
            seat.noted.add(row[0])
