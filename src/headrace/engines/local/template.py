"""One template as the engine sees it: its process, the calls in it, and its end."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import uuid
from dataclasses import dataclass

from headrace.core.calls import Call
from headrace.core.credentials import Credential, Holder
from headrace.engines.local.channel import Channel
from headrace.engines.local.leftovers import kill_orphans
from headrace.engines.local.process import (
    Preface,
    TemplatePlan,
    await_exit,
    describe_exit,
    spawn,
)
from headrace_harness.frames import Message

_STOP_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process of a call ended.

    Attributes:
        exit: Exit status, or a signal's number below zero; None if it never ran to an end.
        over_memory: Whether it was killed for exceeding its memory limit.
        refusal: Why it could not be started, if so.
        lost: How its template ended meanwhile, if so.
    """

    exit: int | None = None
    over_memory: bool = False
    refusal: str | None = None
    lost: str | None = None


class Template:
    """A warm process that forks one process for each call.

    Attributes:
        users: How many calls hold it; the pool counts.
        memory_bytes: What it used when it was ready.
        ended: Set when the process and all its descendants are gone.
    """

    def __init__(self, plan: TemplatePlan) -> None:
        self.plan = plan
        self.users = 0
        self.memory_bytes = 0
        self.ended = asyncio.Event()
        self._id = uuid.uuid4().hex
        self._credential = Credential()
        self._numbers = itertools.count(1)
        self._calls: dict[int, tuple[Call, asyncio.Future[Ended]]] = {}
        self._answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._unsaid: Preface = []
        self._is_up = False
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._burial: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can take calls."""
        return self._channel is not None and self._burial is None

    def keep_unsaid(self, preface: Preface) -> None:
        """Keep what the import printed for the first call, as nobody waited for this start."""
        self._unsaid = [line for line in preface if line[0] != "h"]

    def take_unsaid(self) -> Preface:
        """Return what the import printed and no call has been told yet."""
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
        mine, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = spawn(self.plan, self._credential.variables, self._id, theirs)
            self._channel = await Channel.connect(
                mine, on_message=self._hear, on_end=self._begin_burial
            )
        except BaseException:
            mine.close()
            self._discard()
            raise
        code = self.plan.code
        self._channel.send(
            {
                "op": "setup",
                "folder": str(code.folder.absolute()),
                "function_path": code.function_path,
                "work": str(self.plan.folder / "work"),
                "bare": self.plan.bare,
                "bounds": self.plan.bounds.message(self.plan.folder),
                "log_bytes": self.plan.log_bytes,
            }
        )
        answer = await self._answer
        if answer["op"] == "ready":
            self.memory_bytes = answer["memory_bytes"]
        return answer

    async def run(self, call: Call, preface: Preface, timeout_s: float | None) -> Ended:
        """Run a call in a process of its own and return how that ended.

        Raises:
            TimeoutError: It did not end in time, and has been stopped.
            asyncio.CancelledError: The await was cancelled, and the call has been stopped.
        """
        if self._channel is None or not self.is_open:
            return Ended(lost="ended")
        number = next(self._numbers)
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._calls[number] = call, future
        self._credential.serving += 1
        self._channel.send(_call_message(number, call, preface))
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

    def stop_calls(self) -> list[asyncio.Future[Ended]]:
        """Ask all calls to end; return what to wait for."""
        for number, (call, _) in self._calls.items():
            self._send_stop(number, call)
        return [future for _, future in self._calls.values()]

    def close(self) -> None:
        """Have the template end, at once, with everything in it; :attr:`ended` says when."""
        if self._channel is not None:
            self._channel.close()
            self._begin_burial()

    def _hear(self, message: Message) -> None:
        if message["op"] == "up":
            self._is_up = True
        elif message["op"] in {"ended", "refused"}:
            found = self._calls.get(message["number"])
            if found is not None and not found[1].done():
                found[1].set_result(
                    Ended(
                        exit=message.get("exit"),
                        over_memory=message.get("over_memory", False),
                        refusal=message.get("message"),
                    )
                )
        elif not self._answer.done():
            self._answer.set_result(message)

    async def _stop(self, number: int, call: Call, future: asyncio.Future[Ended]) -> bool:
        """Stop a call and wait until it has ended; return whether that wait was cancelled."""
        self._send_stop(number, call)
        patience = asyncio.get_running_loop().call_later(
            call.limits.grace_s + _STOP_PATIENCE_S, self._kill
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
        if self._channel is not None:
            self._channel.send({"op": "stop", "number": number, "grace_s": call.limits.grace_s})

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def _begin_burial(self) -> None:
        if self._burial is None:
            self._burial = asyncio.get_running_loop().create_task(self._bury())

    async def _bury(self) -> None:
        """Wait for the process, kill what it could not, and only then say so to all who wait."""
        if self._process is None:
            return
        # A call sees its workspace in the place of the template's folder.
        workspaces = [self.plan.folder.absolute()]
        workspaces.extend(call.workspace.absolute() for call, _ in self._calls.values())
        status = await asyncio.to_thread(await_exit, self._process)
        await asyncio.to_thread(kill_orphans, self._id, workspaces)
        how = describe_exit(status)
        for _, future in self._calls.values():
            if not future.done():
                future.set_result(Ended(lost=how))
        if not self._answer.done():
            self._answer.set_result({"op": "died", "up": self._is_up, "how": how})
        self._credential.revoke()
        self.ended.set()

    def _discard(self) -> None:
        self._kill()
        if self._process is not None:
            self._process.wait()
        self.plan.discard_folder()
        self._credential.revoke()
        self.ended.set()


def _call_message(number: int, call: Call, preface: Preface) -> Message:
    return {
        "op": "call",
        "number": number,
        "execution_id": call.execution_id,
        "function": call.code.function_name,
        "values": dict(call.values),
        "files": {
            name: {"source": str(file.source.absolute()), "filename": file.filename}
            for name, file in call.files.items()
        },
        "outputs": {name: kind.value for name, kind in call.outputs.items()},
        "identity": dict(call.identity),
        "workspace": str(call.workspace.absolute()),
        "log": str(call.log.absolute()),
        "memory_bytes": call.limits.memory_bytes,
        "preface": preface,
    }
