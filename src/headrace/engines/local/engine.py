"""The elastic engine: each call in a process of its own, forked from a warm template."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.calls import Call, Code
from headrace.core.clock import now_us
from headrace.core.credentials import Issue, no_credential
from headrace.core.loglines import format_line
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.engines.local.acquired import Deadline, Refused
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.hanging import Patience
from headrace.engines.local.metering import Meter
from headrace.engines.local.outcome import read_outcome
from headrace.engines.local.pool import TEMPLATES_FOLDER, PoolLimits, TemplatePool
from headrace.engines.local.process import Preface
from headrace.engines.local.template import Ended
from headrace.engines.port import Materials, Say

_CLOSED = Failure(FailureKind.WORKER_LOST, "The engine was closed before the call had ended.")

_MORE_TEMPLATES = 2
"""How many others an execution is given to whose template ends before it has begun."""


@dataclass(frozen=True, slots=True)
class LocalEngineSettings:
    """What an operator decides about a local engine.

    Attributes:
        runtime_dir: Folder of this engine alone, for files that need not outlive it.
        harness_dir: Folder from :func:`headrace.engines.local.install.install_harness`.
        engine_id: Marks the engine's processes; the same after a restart of the server, so that
            :func:`headrace.engines.local.belongings.kill_leftovers` finds what it left.
        max_templates: Templates at once; more only while more than these are in use.
        template_memory_bytes: Memory of all templates together; None means no limit.
        idle_s: Seconds after which a template without calls is retired.
        patience: How long a start may take, and a template that does not answer.
        log_bytes: What the log of one call may hold.
        bounds: Folders that user code may not change.
    """

    runtime_dir: Path
    harness_dir: Path
    engine_id: str
    max_templates: int = 8
    template_memory_bytes: int | None = None
    idle_s: float = 600.0
    patience: Patience = field(default_factory=Patience)
    log_bytes: int = 256 << 20
    bounds: Bounds = Bounds()


class LocalEngine:
    """Runs calls on this machine (:class:`headrace.engines.port.Engine`).

    A call's time limit covers the import of user code if a template has to start for it.
    """

    def __init__(
        self,
        settings: LocalEngineSettings,
        materials: Materials,
        issue: Issue = no_credential,
        meter: Meter | None = None,
    ) -> None:
        folder = settings.runtime_dir.absolute() / TEMPLATES_FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        settings.bounds.make()
        self._pool = TemplatePool(
            PoolLimits(
                max_templates=settings.max_templates,
                memory_bytes=settings.template_memory_bytes,
                idle_s=settings.idle_s,
                patience=settings.patience,
            ),
            runtime_dir=settings.runtime_dir.absolute(),
            harness_dir=settings.harness_dir.absolute(),
            engine_id=settings.engine_id,
            log_bytes=settings.log_bytes,
            materials=materials,
            issue=issue,
            bounds=settings.bounds,
            meter=meter or Meter(),
        )
        self._is_closed = False

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end and return what became of it; see the port."""
        if self._is_closed:
            return _CLOSED
        call.workspace.mkdir(parents=True, exist_ok=True)
        call.log.parent.mkdir(parents=True, exist_ok=True)
        deadline = Deadline.after(call.limits.timeout_s)
        ended = await self._attempt(call, [], deadline)
        for _ in range(_MORE_TEMPLATES):
            if isinstance(ended, Failure) or ended.has_begun or self._has_closed():
                break
            ended = await self._attempt(call, _words_on_another_try(ended), deadline)
        if isinstance(ended, Failure):
            return ended
        if self._has_closed() and ended.exit != 0:
            return _CLOSED
        if ended.stacks:
            _write_lines(call.log, [("h", ended.stacks)])
        return await read_outcome(call, ended)

    def is_warm(self, code: Code, variables: Mapping[str, str]) -> bool:
        """Check whether there is a template of this code; see the port."""
        return self._pool.has(code, variables)

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
        # The template may be there for another function of the file.
        unclear = found.template.unclear.get(code.function_name)
        return None if unclear is None else Failure(FailureKind.USER_ERROR, unclear)

    async def close(self) -> None:
        """Stop all calls, politely first, then end all templates; return when nothing is left."""
        self._is_closed = True
        calls = [future for template in self._pool.templates for future in template.stop_calls()]
        if calls:
            await asyncio.wait(calls)
        await self._pool.close()

    def _has_closed(self) -> bool:
        return self._is_closed

    async def _attempt(self, call: Call, said: Preface, deadline: Deadline) -> Ended | Failure:
        """Give a call to a template, with lines for the start of its log."""
        found = await self._pool.acquire(call.code, call.variables, deadline)
        if isinstance(found, Refused):
            _write_lines(call.log, [*said, *found.preface])
            return found.failure
        try:
            return await found.template.run(call, [*said, *found.preface], deadline.left_s)
        except TimeoutError:
            name = call.code.function_name
            message = f"{name}() did not end within {deadline.limit_s or 0:g} s."
            return Failure(FailureKind.TIMEOUT, message)
        finally:
            self._pool.release(found.template)


def _words_on_another_try(ended: Ended) -> Preface:
    note = f"a template {ended.lost} before this execution had begun, which starts in another one"
    return [("h", note), *([("h", ended.stacks)] if ended.stacks else [])]


def _write_lines(log: Path, preface: Preface) -> None:
    at_us = now_us()
    with log.open("ab") as file:
        for letter, text in preface:
            file.writelines(format_line(at_us, letter, line) for line in text.split("\n"))
