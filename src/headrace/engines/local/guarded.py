"""A template's process with its guard, from the start of both until nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from headrace.engines.local.belongings import Belongings
from headrace.engines.local.channel import Channel
from headrace.engines.local.process import (
    TemplatePlan,
    attached_message,
    await_exit,
    describe_exit,
    spawn,
)
from headrace_harness.frames import Message

_WORD_PATIENCE_S = 1.0  # for the guard's word of an end that the engine has noticed already
_STACK_PATIENCE_S = 3.0
_NO_STACK = "Its guard did not answer either."


class GuardedTemplate:
    """What the engine holds of a template: its guard's process, and a socket to each of them.

    Args:
        plan: What the template is for.
        on_message: Called with what the template says.
        on_closing: Called once, when it takes nothing any more and is about to be gone.
    """

    def __init__(
        self,
        plan: TemplatePlan,
        on_message: Callable[[Message], None],
        on_closing: Callable[[], None],
    ) -> None:
        self.is_up = False
        self._plan = plan
        self._id = uuid.uuid4().hex
        self._on_message = on_message
        self._on_closing: Callable[[], None] | None = on_closing
        self._belongings = Belongings(plan.engine_id, self._id, plan.runtime_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Channel | None = None
        self._template: Channel | None = None
        self._is_closed = False
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._stacks: asyncio.Future[str] | None = None

    async def launch(self, identity: Mapping[str, str]) -> None:
        """Start both processes.

        Raises:
            OSError: The interpreter cannot be run.
            ValueError: A variable has a name or value that no environment can hold.
        """
        plan = self._plan
        guard, template = socket.socketpair(), socket.socketpair()
        descriptor = template[1].fileno()
        try:
            with guard[1], template[1]:
                self._process = spawn(plan, identity, self._id, [guard[1], template[1]])
            self._belongings.begin(self._process.pid)
            self._guard = await Channel.connect(
                guard[0], on_message=self._hear_guard, on_end=self._note_closing
            )
            self._template = await Channel.connect(
                template[0], on_message=self._on_message, on_end=self._note_closing
            )
        except BaseException:
            guard[0].close()
            template[0].close()
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            raise
        self._guard.send(
            {
                "op": "setup",
                "calls": descriptor,
                "folder": str(plan.material.folder.absolute()),
                "attached": attached_message(plan.material),
                "function_path": plan.code.function_path,
                "work": str(plan.folder / "work"),
                "bare": plan.bare,
                "typed": plan.code.function_name if plan.code.is_typed else None,
                "bounds": plan.bounds.message(plan.folder),
                "log_bytes": plan.log_bytes,
            }
        )

    def send(self, message: Message) -> None:
        """Send the template a message; nothing happens if it is gone."""
        if self._template is not None:
            self._template.send(message)

    async def look(self) -> None:
        """Note what the template has started since the last look."""
        if not self._is_closed:
            await self._belongings.look()

    async def stacks(self) -> str:
        """Return the stacks of the process for a person, in a few seconds at most.

        A guard that does not answer is killed, and the template with it.
        """
        if self._guard is None or self._is_closed:
            return ""
        if self._stacks is None or self._stacks.done():
            self._stacks = asyncio.get_running_loop().create_future()
            self._guard.send({"op": "stack"})
        done, _ = await asyncio.wait({self._stacks}, timeout=_STACK_PATIENCE_S)
        if done:
            return self._stacks.result()
        self.kill_guard()
        return _NO_STACK

    def close(self) -> None:
        """End both at once, with everything that user code started."""
        self._is_closed = True
        for channel in (self._template, self._guard):
            if channel is not None:
                channel.close()
        self._note_closing()

    def kill_guard(self) -> None:
        """Kill a guard that does not do its work; the kernel ends the template with it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def wait(self, workspaces: Collection[Path]) -> str:
        """Return in words how the template ended, when nothing is left of it.

        Args:
            workspaces: Where else to look for processes that are to be killed.
        """
        if self._process is None:
            return "was not started"
        if not self._is_closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WORD_PATIENCE_S):
                    await asyncio.shield(self._status)
            self.close()
        status = await asyncio.to_thread(await_exit, self._process)
        await asyncio.to_thread(self._belongings.kill, workspaces)
        return describe_exit(self._status.result() if self._status.done() else status)

    def _hear_guard(self, message: Message) -> None:
        if message["op"] == "up":
            self.is_up = True
        elif message["op"] == "stack":
            if self._stacks is not None and not self._stacks.done():
                self._stacks.set_result(message["text"])
        elif message["op"] == "gone" and not self._status.done():
            self._status.set_result(message["status"])

    def _note_closing(self) -> None:
        if self._on_closing is not None:
            told, self._on_closing = self._on_closing, None
            told()
