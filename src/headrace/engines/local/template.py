"""One template as the engine sees it: the calls in it, whether it hangs, and its end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.core.calls import Call
from headrace.core.credentials import Credential, Holder
from headrace.core.usage import Consumer
from headrace.engines.local.guarded import GuardedTemplate
from headrace.engines.local.hanging import why_it_hangs
from headrace.engines.local.metering import Metered
from headrace.engines.local.process import Preface, TemplatePlan
from headrace_harness.child import WORK_FOLDER
from headrace_harness.frames import Message
from headrace_harness.processes import processor_time

_STOP_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a call ended.

    Attributes:
        exit: Exit status, or a signal's number below zero; None if it never ran to an end.
        over_memory: Whether it was killed for exceeding its memory limit.
        overdue: Where it was when it was killed for not coming to the user's function in time.
        refusal: Why it could not be started, if so.
        lost: How its template ended meanwhile, if so.
        has_begun: Whether user code may have begun.
        stacks: Where the template was when it was found hanging, for the log.
        used: What it has used (:data:`headrace_harness.usage.Used`); None if nobody knows.
    """

    exit: int | None = None
    over_memory: bool = False
    overdue: str | None = None
    refusal: str | None = None
    lost: str | None = None
    has_begun: bool = True
    stacks: str = ""
    used: Sequence[int] | None = None


class Template:
    """A warm process that forks one process for each call.

    Attributes:
        users: How many calls hold it; the pool counts.
        memory_bytes: What it used when it was ready.
        unclear: The functions whose type hints cannot be evaluated, with what is wrong.
        ended: Set when the process and all its descendants are gone.
    """

    def __init__(self, plan: TemplatePlan) -> None:
        self.plan = plan
        self.users = 0
        self.memory_bytes = 0
        self.unclear: Mapping[str, str] = {}
        self.ended = asyncio.Event()
        self._credential = Credential()
        self._numbers = itertools.count(1)
        self._calls: dict[int, tuple[Call, asyncio.Future[Ended]]] = {}
        self._metered: dict[int, Metered] = {}
        self._answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._unsaid: Preface = []
        self._guarded = GuardedTemplate(plan, self._hear, self._begin_burial)
        self._is_launched = False
        self._pid = 0
        self._looking: asyncio.TimerHandle | None = None
        self._unanswered = 0
        self._processor_s = 0.0
        self._found_hanging: asyncio.Task[None] | None = None
        self._fault: Ended | None = None
        self._noting: asyncio.Task[None] | None = None
        self._burial: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can take calls."""
        return self._is_launched and self._burial is None and self._found_hanging is None

    def keep_unsaid(self, preface: Preface) -> None:
        """Keep what the import printed for the first call, as nobody waited for this start."""
        self._unsaid = [line for line in preface if line[0] != "h"]

    async def last_words(self) -> Preface:
        """Return the output of its import, and its stacks."""
        return [*self.plan.import_output(), *await self.stacks()]

    def take_unsaid(self) -> Preface:
        """Return the output of the import that no call has in its log yet."""
        unsaid, self._unsaid = self._unsaid, []
        return unsaid

    async def start(self) -> Message:
        """Start the process and return its answer: ``ready``, ``failed`` or ``unforkable``.

        If it ends without an answer, the message is ``{"op": "died", "up": …, "how": …}``, where
        ``up`` says whether the interpreter came as far as the harness.

        Raises:
            OSError: The interpreter cannot be run.
            ValueError: A variable has a name or value that no environment can hold.
        """
        self.plan.folder.mkdir(parents=True)
        self._credential = self.plan.issue(Holder(self.plan.code.owner))
        try:
            await self._guarded.launch(self._credential.variables)
        except BaseException:
            self.plan.discard_folder()
            self._credential.revoke()
            self.ended.set()
            raise
        self._is_launched = True
        answer = await self._answer
        if answer["op"] == "ready":
            self.memory_bytes = answer["memory_bytes"]
            self.unclear = answer.get("unclear", {})
            self._pid = answer["pid"]
        return answer

    async def stacks(self) -> Preface:
        """Return the template's stacks as lines for a log, in a few seconds at most."""
        text = await self._guarded.stacks()
        return [("h", text)] if text else []

    async def run(self, call: Call, preface: Preface, timeout_s: float | None) -> Ended:
        """Run a call in a process of its own and return how that ended.

        Raises:
            TimeoutError: It did not end in time, and has been stopped.
            asyncio.CancelledError: The await was cancelled, and the call has been stopped.
        """
        if not self.is_open:
            return Ended(lost="ended", has_begun=False)
        number = next(self._numbers)
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._calls[number] = call, future
        self._metered[number] = self.plan.meter.begin(Consumer(call.execution_id))
        self._credential.serving += 1
        self._guarded.send(_call_message(number, call, preface, self.plan.patience.start_s))
        self._look_later()
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(future)
        except (TimeoutError, asyncio.CancelledError):
            if await self._stop(number, call, future):
                raise asyncio.CancelledError from None
            raise
        finally:
            self._credential.serving -= 1
            del self._calls[number]
            used = future.result().used if future.done() else None
            self.plan.meter.end(self._metered.pop(number), used)

    def stop_calls(self) -> list[asyncio.Future[Ended]]:
        """Ask all calls to end; return what to wait for."""
        for number, (call, _) in self._calls.items():
            self._send_stop(number, call)
        return [future for _, future in self._calls.values()]

    def close(self) -> None:
        """End the template at once, with everything in it; :attr:`ended` says when."""
        if self._is_launched:
            self._guarded.close()

    def _hear(self, message: Message) -> None:
        if message["op"] == "well":
            self._unanswered = 0
            for number, pid in message["pids"]:
                if number in self._metered:
                    self._metered[number].pid = pid
        elif message["op"] in {"ended", "refused"}:
            found = self._calls.get(message["number"])
            if found is not None and not found[1].done():
                found[1].set_result(
                    Ended(
                        exit=message.get("exit"),
                        over_memory=message.get("over_memory", False),
                        overdue=message.get("overdue"),
                        refusal=message.get("message"),
                        used=message.get("used"),
                    )
                )
        elif not self._answer.done():
            self._answer.set_result(message)

    def _look_later(self) -> None:
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.call_later(self.plan.patience.look_s, self._look)

    def _look(self) -> None:
        """Ask the template how it is while it has calls; let it go if it does not answer.

        Time is counted in looks: a server that was held up must not blame its templates.
        """
        self._looking = None
        if not self._calls or not self.is_open:
            return
        if self._unanswered == 0:
            self._processor_s = processor_time(self._pid)
            self._guarded.send({"op": "look"})
        patience = self.plan.patience
        used_s = processor_time(self._pid) - self._processor_s
        why = why_it_hangs("it", self._unanswered * patience.look_s, used_s, patience)
        if why is not None:
            self._found_hanging = asyncio.get_running_loop().create_task(self._let_go(why))
            return
        self._unanswered += 1
        if self._noting is None or self._noting.done():
            self._noting = asyncio.get_running_loop().create_task(self._guarded.look())
        self._look_later()

    async def _let_go(self, why: str) -> None:
        """End a template that hangs, having asked where it is."""
        stacks = await self._guarded.stacks()
        self._fault = Ended(lost=f"was ended because {why}", stacks=stacks)
        self._guarded.close()

    async def _stop(self, number: int, call: Call, future: asyncio.Future[Ended]) -> bool:
        """Stop a call and wait until it has ended; return whether that wait was cancelled."""
        self._send_stop(number, call)
        patience = asyncio.get_running_loop().call_later(
            call.limits.grace_s + _STOP_PATIENCE_S, self._guarded.close
        )
        is_cancelled = False
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError:
                is_cancelled = True
        patience.cancel()
        return is_cancelled

    def _send_stop(self, number: int, call: Call) -> None:
        self._guarded.send({"op": "stop", "number": number, "grace_s": call.limits.grace_s})

    def _begin_burial(self) -> None:
        if self._burial is None:
            self._burial = asyncio.get_running_loop().create_task(self._bury())

    async def _bury(self) -> None:
        """Wait until nothing is left, and only then say so to all who wait."""
        # A call sees its workspace in the place of the template's folder.
        workspaces = [self.plan.folder.absolute()]
        workspaces.extend(call.workspace.absolute() for call, _ in self._calls.values())
        if self._noting is not None:
            await asyncio.wait({self._noting})
        how = await self._guarded.wait(workspaces)
        fault = self._fault or Ended(lost=how)
        for call, future in self._calls.values():
            if not future.done():
                has_begun = (call.workspace / WORK_FOLDER).exists()
                future.set_result(replace(fault, has_begun=has_begun))
        if not self._answer.done():
            self._answer.set_result({"op": "died", "up": self._guarded.is_up, "how": how})
        self._credential.revoke()
        self.ended.set()


def _call_message(number: int, call: Call, preface: Preface, start_s: float) -> Message:
    return {
        "op": "call",
        "number": number,
        "execution_id": call.execution_id,
        "function": call.code.function_name,
        "calling": call.code.calling.value,
        "values": dict(call.values),
        "absent": dict(call.absent),
        "files": {
            name: {"source": str(file.source.absolute()), "filename": file.filename}
            for name, file in call.files.items()
        },
        "outputs": {name: kind.value for name, kind in call.outputs.items()},
        "identity": dict(call.identity),
        "workspace": str(call.workspace.absolute()),
        "log": str(call.log.absolute()),
        "memory_bytes": call.limits.memory_bytes,
        "start_s": start_s,
        "output_bytes": call.limits.output_bytes,
        "preface": preface,
    }
