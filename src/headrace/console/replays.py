"""The pages that run several executions again at once, after showing what each would become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.datastructures import QueryParams
from starlette.responses import Response

from headrace.console.at_once import see_progress
from headrace.console.bulk_progress import begun
from headrace.console.bulk_work import BulkWork, Round
from headrace.console.forms import read_pairs
from headrace.console.navigation import EXECUTIONS, address
from headrace.console.rendering import page
from headrace.console.several import FIELDS, MOST, Found, Several, find, several_by
from headrace.core.clock import now
from headrace.core.code_choices import CodeChoice, read_code
from headrace.core.errors import Conflict, HeadraceError
from headrace.core.executions import Execution, Status
from headrace.core.values import Json
from headrace.web.exchange import Exchange
from headrace.wire.codec import decode_object
from headrace.wire.problems import status_of
from headrace.wire.reruns import MAX_PLANNED

ENDED = (Status.FAILED, Status.ERROR, Status.SUCCEEDED)
DID_NOT_SUCCEED = (Status.FAILED, Status.ERROR)


@dataclass(slots=True)
class Fates:
    """The plan of the reruns of several executions.

    Attributes:
        todo: Ids of those that would run again, oldest first.
        already: Those that were run again before, with the execution that repeats them.
        refused: Those that cannot run again, with the reason.
        versions: How many would run each version.
        notes: Sentences about what would not be as it was.
    """

    todo: list[str] = field(default_factory=list)
    already: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    versions: Counter[int | None] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """What the reruns are to have in the place of what was recorded.

    Attributes:
        code: The version that runs, as the form has it.
        inputs: Values in the place of recorded ones, as the form has them: a JSON object.
    """

    code: str = "current"
    inputs: str = ""

    def read(self) -> tuple[CodeChoice, dict[str, Json]]:
        """Return both as verbs take them.

        Raises:
            InvalidRequest: One of them is not of the right form.
        """
        return read_code(self.code), decode_object(self.inputs.strip(), "Inputs")


async def preview(exchange: Exchange) -> Response:
    """Show which executions would run again, and which cannot."""
    query = exchange.request.query_params
    several, change = several_by(query), _change(query)
    return await _previewed(exchange, several, change)


class Replays:
    """Runs several executions again.

    Args:
        bulk: Where such work goes on.
    """

    def __init__(self, bulk: BulkWork) -> None:
        self._bulk = bulk

    async def replay(self, exchange: Exchange) -> Response:
        """Begin to run executions again, and show how far it is."""
        form = QueryParams(await read_pairs(exchange, *FIELDS, "code", "inputs", "look"))
        chosen, change = several_by(form), _change(form)
        if "look" in form:
            return await _previewed(exchange, chosen, change)
        try:
            code, values = change.read()
        except HeadraceError as error:
            return await _previewed(exchange, chosen, change, error)
        several, scope = chosen.fixed(), exchange.scope
        back = chosen.chosen.address(EXECUTIONS.path)
        progress = begun("replay", scope.user.id, back, _since(now()))
        reruns = exchange.services.reruns

        async def some() -> Round:
            found = await _found(exchange, several)
            fates = await _fates(exchange, found.executions, code, values)
            return Round(
                fates.todo,
                found.total,
                ended=len(fates.already),
                refused=fates.refused,
                left_out=found.ignored,
                has_more=found.has_more,
            )

        async def again(execution_id: str) -> bool:
            target = await reruns.target(scope, execution_id, code)
            try:
                await reruns.run(scope, target, values, {}, once=True)
            except Conflict as error:
                if "rerun_id" not in error.details:
                    raise
                # Somebody else was faster.
                return False
            return True

        place = exchange.services.progress
        return see_progress(await self._bulk.begin(place, progress, await some(), some, again))


async def _previewed(
    exchange: Exchange, several: Several, change: Change, error: HeadraceError | None = None
) -> Response:
    found, fates = await _found(exchange, several), Fates()
    if error is None:
        try:
            fates = await _fates(exchange, found.executions, *change.read())
        except HeadraceError as refusal:
            error = refusal
    return _shown(exchange, several, change, found, fates, error)


async def _found(exchange: Exchange, several: Several) -> Found:
    is_open = not (several.is_ticked or several.chosen.statuses)
    # Who names no status means what went wrong, as the command does.
    statuses = DID_NOT_SUCCEED if is_open else ENDED
    return await find(exchange, several, statuses, to_repeat=True)


async def _fates(
    exchange: Exchange, executions: Sequence[Execution], code: CodeChoice, values: dict[str, Json]
) -> Fates:
    fates = Fates()
    ids = sorted(one.id for one in executions)
    for at in range(0, len(ids), MAX_PLANNED):
        some = ids[at : at + MAX_PLANNED]
        for plan in await exchange.services.reruns.plan(exchange.scope, some, code, values):
            if plan.rerun is not None:
                fates.already.append((plan.execution_id, plan.rerun))
            elif plan.problem is not None:
                fates.refused.append((plan.execution_id, plan.problem))
            else:
                fates.todo.append(plan.execution_id)
                fates.versions[plan.version] += 1
                fates.notes += [note for note in plan.notes if note not in fates.notes]
    return fates


def _change(query: QueryParams) -> Change:
    return Change(query.get("code") or "current", query.get("inputs", ""))


def _since(at: datetime) -> str:
    return address(EXECUTIONS.path, since=at.isoformat(timespec="milliseconds"))


def _shown(
    exchange: Exchange,
    several: Several,
    change: Change,
    found: Found,
    fates: Fates,
    error: HeadraceError | None,
) -> Response:
    return page(
        exchange.request,
        "replay-several.html",
        title="Run executions again",
        section=EXECUTIONS.name,
        status=200 if error is None else status_of(error),
        several=several,
        change=change,
        found=found,
        fates=fates,
        error=error,
        most=MOST,
        is_failures=not (several.is_ticked or several.chosen.statuses),
        back=several.chosen.address(EXECUTIONS.path),
    )
