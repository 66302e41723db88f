"""The templates that are kept warm: started on demand, shared, and retired."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from headrace.core.calls import Code
from headrace.core.credentials import Issue
from headrace.core.errors import HeadraceError
from headrace.core.outcomes import Failure, FailureKind
from headrace.engines.local.acquired import Acquired, Deadline, Refused, TemplateKey
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.hanging import Patience
from headrace.engines.local.metering import Meter
from headrace.engines.local.process import (
    Preface,
    TemplatePlan,
    import_failure,
    slow_import,
    unusable_interpreter,
)
from headrace.engines.local.template import Template
from headrace.engines.port import Materials
from headrace_harness.frames import Message

_T = TypeVar("_T")

_REASONS_KEPT = 1000

TEMPLATES_FOLDER = "templates"
_NEVER = Deadline()


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many templates are kept.

    Attributes:
        max_templates: Templates at once. Those in use are never taken from their calls, so there
            are more when more than this are in use.
        memory_bytes: Memory of all templates together; None means no limit.
        idle_s: Seconds after which a template without calls is retired.
        patience: How long a start may take, and a template that does not answer.
    """

    max_templates: int
    memory_bytes: int | None
    idle_s: float
    patience: Patience


class _Start:
    """A start that is under way, how many wait for it, and its latest process."""

    task: asyncio.Task[Acquired | Refused]

    def __init__(self) -> None:
        self.waiting = 0
        self.template: Template | None = None


class TemplatePool:
    """Hands out templates; the least recently used one without calls makes room for another."""

    def __init__(
        self,
        limits: PoolLimits,
        *,
        runtime_dir: Path,
        harness_dir: Path,
        engine_id: str,
        log_bytes: int,
        materials: Materials,
        issue: Issue,
        bounds: Bounds,
        meter: Meter,
    ) -> None:
        self._limits = limits
        self._runtime_dir = runtime_dir
        self._harness_dir = harness_dir
        self._engine_id = engine_id
        self._log_bytes = log_bytes
        self._materials = materials
        self._issue = issue
        self._bounds = bounds
        self._meter = meter
        self._numbers = itertools.count(1)
        self._ready: OrderedDict[TemplateKey, Template] = OrderedDict()
        self._starting: dict[TemplateKey, _Start] = {}
        self._reasons: OrderedDict[TemplateKey, str] = OrderedDict()
        self._timers: dict[Template, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    def has(self, code: Code, variables: Mapping[str, str]) -> bool:
        """Check whether there is a template of this code that takes calls."""
        template = self._ready.get(TemplateKey.of(code, variables))
        return template is not None and template.is_open

    @property
    def templates(self) -> list[Template]:
        """The templates that are ready, least recently used first."""
        return list(self._ready.values())

    async def acquire(
        self, code: Code, variables: Mapping[str, str], deadline: Deadline = _NEVER
    ) -> Acquired | Refused:
        """Return a template of this code for one call; give it back with :meth:`release`.

        If none is ready, one start serves all who wait for it. It is given up when nobody waits
        any more. At the deadline the call is refused as one that took too long.
        """
        key = TemplateKey.of(code, variables)
        while not self._is_closed:
            template = self._ready.get(key)
            if template is not None and template.is_open:
                return self._take(key, template, template.take_unsaid())
            found = await self._wait_for_start(key, code, variables, deadline)
            if isinstance(found, Refused):
                return found
            if found.template.is_open:
                return self._take(key, found.template, found.preface)
        return Refused(Failure(FailureKind.WORKER_LOST, "The engine has been closed."))

    def release(self, template: Template) -> None:
        """Give a template back."""
        template.users -= 1
        if template.users == 0:
            loop = asyncio.get_running_loop()
            self._timers[template] = loop.call_later(self._limits.idle_s, self._retire, template)
            self._trim(room_for=0)

    async def close(self) -> None:
        """Retire everything, and return when nothing is left."""
        self._is_closed = True
        for start in list(self._starting.values()):
            start.task.cancel()
        for template in self.templates:
            self._retire(template)
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _take(self, key: TemplateKey, template: Template, preface: Preface) -> Acquired:
        self._ready.move_to_end(key)
        template.users += 1
        timer = self._timers.pop(template, None)
        if timer is not None:
            timer.cancel()
        reason = self._reasons.get(key)
        if reason is not None:
            note = (
                f"{key.function_path} {reason}, so it cannot be forked; "
                "this execution imports it anew in a fresh process"
            )
            preface = [("h", note), *preface]
        return Acquired(template, preface)

    async def _wait_for_start(
        self,
        key: TemplateKey,
        code: Code,
        variables: Mapping[str, str],
        deadline: Deadline,
    ) -> Acquired | Refused:
        """Return the outcome of a start, or that it takes too long for this call."""
        start = self._starting.get(key)
        if start is None:
            start = _Start()
            start.task = self._spawn(self._start(start, key, code, variables))
            self._starting[key] = start
            start.task.add_done_callback(lambda _: self._forget_start(key, start))
        start.waiting += 1
        try:
            await asyncio.wait({start.task}, timeout=deadline.left_s)
            if not start.task.done():
                words = await start.template.last_words() if start.template else []
                await self._leave(key, start)
                return Refused(slow_import(code, deadline.limit_s), words)
            if start.task.cancelled():
                return Refused(Failure(FailureKind.WORKER_LOST, "The engine was closed meanwhile."))
            return start.task.result()
        except asyncio.CancelledError:
            await self._leave(key, start)
            raise
        finally:
            start.waiting -= 1

    async def _leave(self, key: TemplateKey, start: _Start) -> None:
        """Give up a start that nobody else waits for."""
        if start.waiting == 1:
            self._forget_start(key, start)
            start.task.cancel()
            await asyncio.wait({start.task})

    async def _start(
        self, start: _Start, key: TemplateKey, code: Code, variables: Mapping[str, str]
    ) -> Acquired | Refused:
        self._trim(room_for=1)
        try:
            material = await self._materials.resolve(code)
        except HeadraceError as error:
            return Refused(Failure(FailureKind.ENVIRONMENT, error.message))
        while True:
            template = start.template = Template(
                TemplatePlan(
                    code=code,
                    material=material,
                    variables=variables,
                    harness_dir=self._harness_dir,
                    runtime_dir=self._runtime_dir,
                    folder=self._runtime_dir / TEMPLATES_FOLDER / str(next(self._numbers)),
                    engine_id=self._engine_id,
                    log_bytes=self._log_bytes,
                    bounds=self._bounds,
                    bare=key in self._reasons,
                    issue=self._issue,
                    patience=self._limits.patience,
                    meter=self._meter,
                )
            )
            try:
                answer = await self._answer(template)
            except (OSError, ValueError) as error:
                return Refused(unusable_interpreter(material.python, str(error)))
            if answer["op"] == "ready":
                self._ready[key] = template
                self._spawn(self._watch(key, template))
                return Acquired(template, template.plan.import_output())
            if answer["op"] == "slow":
                preface = await template.last_words()
            else:
                preface = template.plan.import_output()
            await self._end(template)
            if answer["op"] != "unforkable":
                return Refused(import_failure(code, material.python, answer, preface), preface)
            self._reasons[key] = answer["reason"]
            if len(self._reasons) > _REASONS_KEPT:
                self._reasons.popitem(last=False)

    async def _answer(self, template: Template) -> Message:
        limit_s = self._limits.patience.start_s
        try:
            async with asyncio.timeout(limit_s):
                return await template.start()
        except TimeoutError:
            return {"op": "slow", "limit_s": limit_s}
        except asyncio.CancelledError:
            await asyncio.shield(self._spawn(self._end(template)))
            raise

    async def _end(self, template: Template) -> None:
        template.close()
        await template.ended.wait()
        await asyncio.to_thread(template.plan.discard_folder)

    async def _watch(self, key: TemplateKey, template: Template) -> None:
        """Take a template off the list once it has ended, for whatever reason."""
        await template.ended.wait()
        self._drop(key, template)
        await asyncio.to_thread(template.plan.discard_folder)

    def _drop(self, key: TemplateKey, template: Template) -> None:
        if self._ready.get(key) is template:
            del self._ready[key]
        timer = self._timers.pop(template, None)
        if timer is not None:
            timer.cancel()

    def _retire(self, template: Template) -> None:
        for key, found in list(self._ready.items()):
            if found is template:
                self._drop(key, template)
        template.close()

    def _trim(self, *, room_for: int) -> None:
        """Retire idle templates, least recently used first, as far as the limits ask for it."""
        limits = self._limits
        for template in self.templates:
            memory = sum(found.memory_bytes for found in self._ready.values())
            is_full = limits.memory_bytes is not None and memory > limits.memory_bytes
            if len(self._ready) + room_for <= limits.max_templates and not is_full:
                return
            if template.users == 0:
                self._retire(template)

    def _forget_start(self, key: TemplateKey, start: _Start) -> None:
        if self._starting.get(key) is start:
            del self._starting[key]

    def _spawn(self, work: Coroutine[object, object, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
