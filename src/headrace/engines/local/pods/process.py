"""The operating system's side of a pod: its guardian's process, its sockets, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from headrace.core.calls import Material
from headrace.core.credentials import ID_NAMES, Credential, Holder, Issue
from headrace.core.pods import PodPlan
from headrace.core.values import Json
from headrace.engines.local.belongings import Belongings
from headrace.engines.local.channel import Channel
from headrace.engines.local.environ import template_environ
from headrace.engines.local.outcome import FRAME_BYTES
from headrace.engines.local.pods.channel import CallChannel
from headrace.engines.local.pods.settings import PodSettings
from headrace.engines.local.process import attached_message, await_exit, describe_exit, launch
from headrace_harness.frames import Message

_KILL_PATIENCE_S = 5.0


class Listener(Protocol):
    """Who is told what comes from a pod."""

    def hear_bodies(self, bodies: list[bytes]) -> None:
        """Take messages about calls, as JSON texts."""
        ...

    def hear(self, message: Message) -> None:
        """Take a message about the pod itself."""
        ...

    def note_closing(self) -> None:
        """Take note that the pod takes nothing any more, and is about to end."""
        ...

    async def note_end(self, how: str, started: int | None) -> None:
        """Take note that the pod has ended, and how.

        Args:
            how: Its end in words.
            started: The highest number of a call that it began; None if nobody knows.
        """
        ...


class PodProcess:
    """A guardian with its pod, from the start to the end of both.

    Attributes:
        id: The pod's id, which marks all its processes.
        credential: What it is known by to the server.
        ended: Set when nothing of it is left.
    """

    def __init__(self, folder: Path, settings: PodSettings, listener: Listener) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.folder = folder
        self.ended = asyncio.Event()
        self.credential = Credential()
        self._settings = settings
        self._listener = listener
        self._is_ending = False
        self._open_ends = 2
        self._are_closed = asyncio.Event()
        self._said: Message | None = None
        self._belongings = Belongings(settings.engine_id, self.id, settings.runtime_dir)
        self._looking: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Channel | None = None
        self._calls: CallChannel | None = None
        self._burial: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Id of the guardian, below which all its processes are; 0 if there is none."""
        return 0 if self._process is None else self._process.pid

    async def launch(self, plan: PodPlan, material: Material, issue: Issue) -> None:
        """Start the process, known by a credential of its own, and tell it what it is for.

        Raises:
            OSError: The interpreter cannot be run.
            ValueError: A variable has a name or value that no environment can hold.
        """
        try:
            descriptor = await self._connect(plan, material.python, issue)
        except BaseException:
            await self._give_up()
            raise
        self.tell(
            _setup_message(
                plan,
                self._settings,
                material,
                self.credential.variables,
                pod_id=self.id,
                own=self.folder,
                calls=descriptor,
            )
        )

    def send(self, body: bytes, *, is_awaited: bool = False) -> None:
        """Send a message about a call; ``is_awaited``: the pod has nothing else to do."""
        if self._calls is not None:
            self._calls.send(body, is_awaited=is_awaited)

    def tell(self, message: Message) -> None:
        """Send a message that does not wait for the calls before it."""
        if self._control is not None:
            self._control.send(message)

    def look(self, message: Message) -> None:
        """Ask the guardian how the pod is, and take note of what it has started."""
        self.tell(message)
        if self._burial is None and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._belongings.look())

    def end(self) -> None:
        """Have the pod end by itself, with its exit callbacks; it is killed if that takes long."""
        if self._calls is not None and self._burial is None:
            self._is_ending = True
            self._calls.close()
            self._begin_burial()

    def kill(self, *, with_guardian: bool = False, is_hanging: bool = False) -> None:
        """Have the pod end at once, with everything that it started.

        Args:
            with_guardian: Whether its guardian cannot see to that.
            is_hanging: Whether its stacks are to be logged first.
        """
        self._is_ending = False
        self.tell({"op": "kill", "is_hanging": is_hanging})
        if with_guardian and self._process is not None:
            self._process.kill()
        self._begin_burial()

    async def _connect(self, plan: PodPlan, python: Path, issue: Issue) -> int:
        """Start the process and connect to it; return its descriptor of the socket for calls."""
        self.folder.mkdir(parents=True)
        control, calls = socket.socketpair(), socket.socketpair()
        descriptor = calls[1].fileno()
        self.credential = issue(Holder(plan.owner, plan.deployment_id))
        environ = template_environ(
            python,
            plan.variables,
            self.credential.variables,
            engine_id=self._settings.engine_id,
            template_id=self.id,
        )
        try:
            with control[1], calls[1]:
                self._process = launch(
                    python, self._settings.harness_dir, self.folder, environ, [control[1], calls[1]]
                )
            self._belongings.begin(self._process.pid)
            self._control = await Channel.connect(
                control[0], on_message=self._hear, on_end=self._note_close
            )
            self._calls = await CallChannel.connect(
                calls[0],
                on_bodies=self._listener.hear_bodies,
                on_end=self._note_close,
                max_bytes=self._settings.output_bytes + FRAME_BYTES,
            )
        except BaseException:
            control[0].close()
            calls[0].close()
            raise
        return descriptor

    def _hear(self, message: Message) -> None:
        if message["op"] == "ended":
            self._said = message
            self._begin_burial()
        else:
            self._listener.hear(message)

    def _note_close(self) -> None:
        self._open_ends -= 1
        if self._open_ends == 0:
            self._are_closed.set()
        self._begin_burial()

    def _begin_burial(self) -> None:
        if self._burial is None:
            self._listener.note_closing()
            self._burial = asyncio.get_running_loop().create_task(self._bury())

    async def _bury(self) -> None:
        """See to it that nothing is left, and say as soon as it is known how the pod ended."""
        process = self._process
        if process is None:
            return
        if self._is_ending:
            await self._wait_for_close(self._settings.stop_grace_s)
        if not self._are_closed.is_set():
            self.tell({"op": "kill", "is_hanging": False})
            await self._wait_for_close(_KILL_PATIENCE_S)
        if not self._are_closed.is_set():
            # The guardian hangs itself; the kernel ends the pod with it.
            process.kill()
            await self._wait_for_close(_KILL_PATIENCE_S)
        # What came before the sockets were closed has been heard by now.
        if self._said is not None:
            how = describe_exit(self._said["status"])
            await self._listener.note_end(how, self._said["started"])
        for channel in (self._control, self._calls):
            if channel is not None:
                channel.close()
        status = await asyncio.to_thread(await_exit, process)
        if self._looking is not None:
            await asyncio.wait({self._looking})
        await asyncio.to_thread(self._belongings.kill, [self.folder.absolute()])
        if self._said is None:
            await self._listener.note_end(describe_exit(status), None)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self.credential.revoke()
        self.ended.set()

    async def _wait_for_close(self, patience_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._are_closed.wait()

    async def _give_up(self) -> None:
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self.credential.revoke()
        self.ended.set()


def _setup_message(
    plan: PodPlan,
    settings: PodSettings,
    material: Material,
    identity: Mapping[str, str],
    *,
    pod_id: str,
    own: Path,
    calls: int,
) -> dict[str, Json]:
    """Return what a pod is told at its start.

    Args:
        plan: What it is for.
        settings: The operator's.
        material: What it is started from.
        identity: Variables that it is known by. Each call has them for itself as well, so that
            none changes those of another.
        pod_id: Its id.
        own: Its own folder.
        calls: The descriptor on which its calls come.
    """
    code = plan.code
    return {
        "op": "pod",
        "pod_id": pod_id,
        "calls": calls,
        "folder": str(material.folder.absolute()),
        "attached": attached_message(material),
        "function_path": code.function_path,
        "function": code.function_name,
        "calling": code.calling.value,
        "work": str(own / "work"),
        "outputs": {name: kind.value for name, kind in plan.outputs.items()},
        "identity": dict(identity),
        "id_names": list(ID_NAMES),
        "max_parallel": plan.max_parallel,
        "memory_bytes": plan.ram_bytes,
        "log_bytes": settings.log_bytes,
        "pod_log": str(plan.log.absolute()),
        "pod_log_bytes": plan.log_bytes,
        "output_bytes": settings.output_bytes,
        "bounds": settings.bounds.message(own),
    }
