"""The page of work on several executions: how far it is, what was refused, and a way to stop."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from headrace.console.bulk_progress import KeptProgress, Progress
from headrace.console.forms import read_fields
from headrace.console.navigation import EXECUTIONS
from headrace.console.rendering import page, see_other
from headrace.console.words import of_executions
from headrace.web.exchange import Exchange

PATH = f"{EXECUTIONS.path}/at-once"


def see_progress(progress: Progress) -> Response:
    """Redirect to the list if all is done, and else to the page that shows the progress."""
    if not progress.is_whole:
        return see_other(f"{PATH}/{progress.id}")
    done = of_executions(progress.done)
    if progress.verb == "replay":
        ended = f" {progress.ended:,} had been run again before." if progress.ended else ""
        return see_other(progress.started, said=f"{done} run again.{ended}")
    ended = f" {progress.ended:,} had ended before." if progress.ended else ""
    return see_other(progress.back, said=f"Cancelled {done}.{ended}")


async def progress(exchange: Exchange) -> Response:
    """Show how far some work is."""
    kept, user = KeptProgress(exchange.services.progress), exchange.scope.user.id
    found = await asyncio.to_thread(kept.load, exchange.name("id"), user)
    return page(
        exchange.request,
        "at-once.html",
        title="Run executions again" if found.verb == "replay" else "Cancel executions",
        section=EXECUTIONS.name,
        progress=found,
        stop=f"{PATH}/{found.id}/stop",
    )


async def stop(exchange: Exchange) -> Response:
    """Have some work begin nothing further."""
    await read_fields(exchange)
    kept, user = KeptProgress(exchange.services.progress), exchange.scope.user.id
    await asyncio.to_thread(kept.ask_to_stop, exchange.name("id"), user)
    return see_other(f"{PATH}/{exchange.name('id')}")
