"""Whether the server can do what a call needs: each part is tried, and not only looked at."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from headrace.core.errors import HeadraceError, Unavailable

KEPT_S = 1.0
"""Seconds for which a finding is answered again, so that asking often costs nothing."""

PATIENCE_S = 2.0
"""A part that has not answered by then is out of order."""

SPARE_DESCRIPTORS = 8
"""So many descriptors a call may need at once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A part of the server that is well.

    Attributes:
        text: What may be said of it to everybody.
        detail: What users may know besides.
    """

    text: str
    detail: str = ""


Probe = Callable[[], Awaitable[Finding]]
"""Tries one part of the server; returns what was found, or raises what is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """The state of one part of the server."""

    is_well: bool
    text: str
    detail: str = ""

    def body(self, *, is_detailed: bool = False) -> dict[str, str]:
        """Return it as a component of the environment's health (wire contract, appendix B)."""
        status, key = ("ok", "info") if self.is_well else ("error", "error")
        body = {"status": status, key: self.text}
        return body | {"detail": self.detail} if is_detailed and self.detail else body


class HealthChecks:
    """Tries the parts of a server, one attempt at a time and at most once a second."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._attempts: dict[str, asyncio.Task[Finding]] = {}
        self._found: dict[str, Part] = {}
        self._found_at = -KEPT_S
        self._looking: asyncio.Task[dict[str, Part]] | None = None

    async def parts(self) -> Mapping[str, Part]:
        """Return the state of each part, found at most :data:`KEPT_S` ago."""
        if time.monotonic() - self._found_at < KEPT_S:
            return self._found
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        # Whoever goes away does not stop it: others wait for the same.
        return await asyncio.shield(self._looking)

    async def _look(self) -> dict[str, Part]:
        try:
            for name, probe in self._probes.items():
                # One that hangs is not begun again: it would hang as often as somebody asks.
                if name not in self._attempts:
                    self._attempts[name] = asyncio.ensure_future(_attempt(probe))
            await asyncio.wait(self._attempts.values(), timeout=PATIENCE_S)
            self._found = {name: self._outcome(name) for name in self._probes}
            self._found_at = time.monotonic()
            return self._found
        finally:
            self._looking = None

    def _outcome(self, name: str) -> Part:
        attempt = self._attempts[name]
        if not attempt.done():
            return Part(False, f"It has not answered for {PATIENCE_S:g} seconds.")
        del self._attempts[name]
        error = attempt.exception()
        if error is None:
            found = attempt.result()
            return Part(True, found.text, found.detail)
        if isinstance(error, HeadraceError):
            return Part(False, error.message, str(error.details.get("detail", "")))
        # What an error says may name paths, and everybody may ask.
        return Part(False, f"The check failed: {type(error).__name__}.", str(error))


async def _attempt(probe: Probe) -> Finding:
    return await probe()


async def descriptors_are_left() -> Finding:
    """Open and close as many files as a call may need; return that it went well.

    Raises:
        Unavailable: They cannot be opened.
    """
    opened: list[int] = []
    try:
        while len(opened) < SPARE_DESCRIPTORS:
            opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise Unavailable(f"No files can be opened: {error.strerror}.") from error
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return Finding("files can be opened")
