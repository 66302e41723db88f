"""The templates that are kept warm: started on demand, shared, and retired."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections import OrderedDict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from headrace.core.calls import Code
from headrace.core.credentials import Issue
from headrace.core.outcomes import Failure, FailureKind
from headrace.engines.local.bounds import Bounds
from headrace.engines.local.process import (
    Preface,
    TemplatePlan,
    import_failure,
    unusable_interpreter,
)
from headrace.engines.local.template import Template
from headrace_harness.frames import Message

_T = TypeVar("_T")

_REASONS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many templates are kept.

    Attributes:
        max_templates: Templates at once. Those in use are never taken from their calls, so there
            are more when more than this are in use.
        memory_bytes: Memory of all templates together; None means no limit.
        idle_s: Seconds after which a template without calls is retired.
        start_timeout_s: Seconds that a start, with the import of user code, may take.
    """

    max_templates: int
    memory_bytes: int | None
    idle_s: float
    start_timeout_s: float


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """What makes two calls share a template."""

    environment: str
    bundle: str
    function_path: str
    variables: str
    owner: str

    @classmethod
    def of(cls, code: Code, variables: Mapping[str, str]) -> TemplateKey:
        """Return the key of this code with these variables."""
        text = json.dumps(sorted(variables.items()))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(code.environment, code.bundle, code.function_path, digest, code.owner)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no template, and what its start printed."""

    failure: Failure
    preface: Preface = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Acquired:
    """A template in use by the caller, and what belongs at the start of the call's log."""

    template: Template
    preface: Preface


class _Start:
    """A start that is under way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Acquired | Refused]) -> None:
        self.task = task
        self.waiting = 0


class TemplatePool:
    """Hands out templates; the least recently used one without calls makes room for another."""

    def __init__(
        self,
        limits: PoolLimits,
        *,
        folder: Path,
        harness_dir: Path,
        engine_id: str,
        log_bytes: int,
        issue: Issue,
        bounds: Bounds,
    ) -> None:
        self._limits = limits
        self._folder = folder
        self._harness_dir = harness_dir
        self._engine_id = engine_id
        self._log_bytes = log_bytes
        self._issue = issue
        self._bounds = bounds
        self._numbers = itertools.count(1)
        self._ready: OrderedDict[TemplateKey, Template] = OrderedDict()
        self._starting: dict[TemplateKey, _Start] = {}
        self._reasons: OrderedDict[TemplateKey, str] = OrderedDict()
        self._timers: dict[Template, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    @property
    def templates(self) -> list[Template]:
        """The templates that are ready, least recently used first."""
        return list(self._ready.values())

    async def acquire(self, code: Code, variables: Mapping[str, str]) -> Acquired | Refused:
        """Return a template of this code for one call; give it back with :meth:`release`.

        If none is ready, one start serves all who wait for it. It is given up when nobody waits
        any more.
        """
        key = TemplateKey.of(code, variables)
        while not self._is_closed:
            template = self._ready.get(key)
            if template is not None and template.is_open:
                return self._take(key, template, template.take_unsaid())
            found = await self._wait_for_start(key, code, variables)
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
        self, key: TemplateKey, code: Code, variables: Mapping[str, str]
    ) -> Acquired | Refused:
        start = self._starting.get(key)
        if start is None:
            start = _Start(self._spawn(self._start(key, code, variables)))
            self._starting[key] = start
            start.task.add_done_callback(lambda _: self._forget_start(key, start))
        start.waiting += 1
        try:
            return await asyncio.shield(start.task)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                if start.waiting == 1:
                    self._forget_start(key, start)
                    start.task.cancel()
                    await asyncio.wait({start.task})
                raise
            return Refused(Failure(FailureKind.WORKER_LOST, "The engine was closed meanwhile."))
        finally:
            start.waiting -= 1

    async def _start(
        self, key: TemplateKey, code: Code, variables: Mapping[str, str]
    ) -> Acquired | Refused:
        self._trim(room_for=1)
        while True:
            template = Template(
                TemplatePlan(
                    code=code,
                    variables=variables,
                    harness_dir=self._harness_dir,
                    folder=self._folder / str(next(self._numbers)),
                    engine_id=self._engine_id,
                    log_bytes=self._log_bytes,
                    bounds=self._bounds,
                    bare=key in self._reasons,
                    issue=self._issue,
                )
            )
            try:
                answer = await self._answer(template)
            except (OSError, ValueError) as error:
                return Refused(unusable_interpreter(code, str(error)))
            if answer["op"] == "ready":
                self._ready[key] = template
                self._spawn(self._watch(key, template))
                return Acquired(template, template.plan.import_output())
            preface = template.plan.import_output()
            await self._end(template)
            if answer["op"] != "unforkable":
                return Refused(import_failure(code, answer, preface), preface)
            self._reasons[key] = answer["reason"]
            if len(self._reasons) > _REASONS_KEPT:
                self._reasons.popitem(last=False)

    async def _answer(self, template: Template) -> Message:
        try:
            async with asyncio.timeout(self._limits.start_timeout_s):
                return await template.start()
        except TimeoutError:
            return {"op": "slow", "limit_s": self._limits.start_timeout_s}
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
            count = len(self._ready) + room_for
            memory = sum(found.memory_bytes for found in self._ready.values())
            is_full = limits.memory_bytes is not None and memory > limits.memory_bytes
            if count <= limits.max_templates and not is_full:
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
