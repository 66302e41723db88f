"""The call that a new pod has to pass before it takes others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from headrace.core.loglines import parse_line
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodCall
from headrace.engines.local.pods.sent import SentCalls
from headrace.engines.local.pods.ticket import Ticket

_LOG = "probe.log"
_SHOWN_LOG_BYTES = 64_000


async def why_it_fails(
    probe: PodCall, calls: SentCalls, folder: Path, limit_s: float
) -> Failure | None:
    """Have a pod make its probe; return why it does not pass, or None.

    Args:
        probe: The call.
        calls: The pod's calls; there are no others.
        folder: The pod's own folder, for the log and the files of the probe.
        limit_s: Seconds that it may take.
    """
    call = replace(probe, log=str(folder / _LOG), workspace=str(folder / "probe"))
    ticket = Ticket(call, calls, lambda: None)
    calls.send(ticket)
    try:
        async with asyncio.timeout(limit_s):
            outcome = await asyncio.shield(ticket.ended)
    except TimeoutError:
        return Failure(FailureKind.TIMEOUT, f"The probe did not end within {limit_s:g} s.")
    if isinstance(outcome, Failure):
        return replace(outcome, message=f"The probe failed: {outcome.message}")
    return None


def lines_of_probe(folder: Path) -> list[str]:
    """Return what the probe of a pod has printed, its traceback included."""
    try:
        with (folder / _LOG).open("rb") as file:
            found = [parse_line(line) for line in file.read(_SHOWN_LOG_BYTES).splitlines()]
    except OSError:
        return []
    return [line.message for line in found if line is not None]
