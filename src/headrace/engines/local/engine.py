"""The elastic engine: each call in a process of its own, forked from a warm template."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.core.calls import Call, Code
from headrace.core.credentials import Issue, no_credential
from headrace.core.loglines import format_line
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.outcome import read_outcome
from headrace.engines.local.pool import Acquired, PoolLimits, Refused, TemplatePool
from headrace.engines.local.process import Preface
from headrace.engines.port import Say

_CLOSED = Failure(FailureKind.WORKER_LOST, "The engine was closed before the call had ended.")


@dataclass(frozen=True, slots=True)
class LocalEngineSettings:
    """What an operator decides about a local engine.

    Attributes:
        runtime_dir: Folder of this engine alone, for files that need not outlive it.
        harness_dir: Folder from :func:`headrace.engines.local.install.install_harness`.
        engine_id: Marks the engine's processes; the same after a restart of the server, so that
            :func:`headrace.engines.local.leftovers.kill_leftovers` finds what it left.
        max_templates: Templates at once; more only while more than these are in use.
        template_memory_bytes: Memory of all templates together; None means no limit.
        idle_s: Seconds after which a template without calls is retired.
        start_timeout_s: Seconds that a start, with the import of user code, may take.
        log_bytes: What the log of one call may hold.
        bounds: Folders that user code may not change.
    """

    runtime_dir: Path
    harness_dir: Path
    engine_id: str
    max_templates: int = 8
    template_memory_bytes: int | None = None
    idle_s: float = 600.0
    start_timeout_s: float = 600.0
    log_bytes: int = 256 << 20
    bounds: Bounds = Bounds()


class LocalEngine:
    """Runs calls on this machine (:class:`headrace.engines.port.Engine`).

    A call's time limit covers the import of user code if a template has to start for it. ``issue``
    gives each template its credential.
    """

    def __init__(self, settings: LocalEngineSettings, issue: Issue = no_credential) -> None:
        folder = settings.runtime_dir.absolute() / "templates"
        shutil.rmtree(folder, ignore_errors=True)
        settings.bounds.make()
        self._pool = TemplatePool(
            PoolLimits(
                max_templates=settings.max_templates,
                memory_bytes=settings.template_memory_bytes,
                idle_s=settings.idle_s,
                start_timeout_s=settings.start_timeout_s,
            ),
            folder=folder,
            harness_dir=settings.harness_dir.absolute(),
            engine_id=settings.engine_id,
            log_bytes=settings.log_bytes,
            issue=issue,
            bounds=settings.bounds,
        )
        self._is_closed = False

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end and return what became of it; see the port."""
        if self._is_closed:
            return _CLOSED
        started = time.monotonic()
        limit = call.limits.timeout_s
        call.workspace.mkdir(parents=True, exist_ok=True)
        call.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            async with asyncio.timeout(limit):
                found = await self._pool.acquire(call.code, call.variables)
        except TimeoutError:
            message = f"Importing {call.code.function_path} did not end within {limit:g} s."
            return Failure(FailureKind.TIMEOUT, message)
        if isinstance(found, Refused):
            _write_lines(call.log, found.preface)
            return found.failure
        try:
            left = None if limit is None else limit - (time.monotonic() - started)
            return await self._run_in(found, call, left)
        finally:
            self._pool.release(found.template)

    async def warm(
        self, code: Code, variables: Mapping[str, str], say: Say | None = None
    ) -> Failure | None:
        """Start a template for this code, which imports it; see the port."""
        if self._is_closed:
            return _CLOSED
        found = await self._pool.acquire(code, variables)
        if isinstance(found, Refused):
            if say is not None:
                for _, text in found.preface:
                    for line in text.split("\n"):
                        say(line)
            return found.failure
        if found.template.users == 1:
            # No call waited with this one, so the first to come is told.
            found.template.keep_unsaid(found.preface)
        self._pool.release(found.template)
        return None

    async def close(self) -> None:
        """Stop all calls, politely first, then end all templates; return when nothing is left."""
        self._is_closed = True
        calls = [future for template in self._pool.templates for future in template.stop_calls()]
        if calls:
            await asyncio.wait(calls)
        await self._pool.close()

    async def _run_in(self, found: Acquired, call: Call, timeout_s: float | None) -> Outcome:
        try:
            ended = await found.template.run(call, found.preface, timeout_s)
        except TimeoutError:
            name = call.code.function_name
            message = f"{name}() did not end within {call.limits.timeout_s:g} s."
            return Failure(FailureKind.TIMEOUT, message)
        if self._is_closed and ended.exit != 0:
            return _CLOSED
        return await read_outcome(call, ended)


def _write_lines(log: Path, preface: Preface) -> None:
    now_us = time.time_ns() // 1000
    with log.open("ab") as file:
        for letter, text in preface:
            file.writelines(format_line(now_us, letter, line) for line in text.split("\n"))
