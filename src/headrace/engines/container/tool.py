"""The command line of podman or docker: one program, asked in a process of its own each time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from headrace.engines.port import Say

ASK_S = 120.0
"""Longest time of one command that neither builds nor waits for user code."""

LOOK_S = 20.0
"""Longest time in which it has to say that it works."""

CHOICES = ("podman", "docker")
"""The programs that are looked for, in this order."""

NONE = "none"


class ToolFailed(Exception):
    """A command of the tool did not succeed.

    Args:
        message: What the tool said last.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Tool:
    """A container engine that works, by its command line.

    Attributes:
        program: Path of the program.
        is_podman: Whether it is podman, or docker.
        folder: Where its commands run, as some leave files there.
        threads: Where its processes are waited for.
    """

    program: str
    is_podman: bool
    folder: Path
    threads: ThreadPoolExecutor

    def start(
        self,
        *arguments: str,
        given: bool = False,
        merged: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a command whose output is read by the caller; its group is its own.

        Args:
            arguments: The command and its arguments.
            given: Whether the caller writes to its standard input.
            merged: Whether what it says on stderr comes with its output.
            environ: Variables that it has besides those of the server.

        Raises:
            ToolFailed: The program is gone, the machine has no room for another process, or the
                variables are too long for one.
        """
        try:
            return subprocess.Popen(
                [self.program, *arguments],
                stdin=subprocess.PIPE if given else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                env={**os.environ, "BUILDKIT_PROGRESS": "plain", **(environ or {})},
                cwd=self.folder,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolFailed(f"{self.program} cannot be run: {error.strerror}.") from error

    async def ask(
        self,
        *arguments: str,
        timeout_s: float = ASK_S,
        environ: Mapping[str, str] | None = None,
        warn: Say | None = None,
    ) -> str:
        """Return what a command prints; cancelling the await kills it.

        Args:
            arguments: The command and its arguments.
            timeout_s: How long it may take.
            environ: Variables that it has besides those of the server.
            warn: Receives what it says on stderr though it succeeds, line by line.

        Raises:
            ToolFailed: It ended with an error, or did not end in time.
        """
        process = self.start(*arguments, environ=environ)
        loop = asyncio.get_running_loop()
        waiting = loop.run_in_executor(self.threads, process.communicate)
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await asyncio.shield(waiting)
        except TimeoutError:
            raise ToolFailed(f"{arguments[0]} did not end within {timeout_s:g} s.") from None
        finally:
            if not waiting.done():
                kill_group(process)
        if process.returncode != 0:
            raise ToolFailed(last_words(err) or f"{arguments[0]} ended with {process.returncode}.")
        if warn is not None:
            for line in err.decode("utf-8", "replace").splitlines():
                warn(line)
        return out.decode("utf-8", "replace")


class ToolFinder:
    """Finds the container engine of this machine, by asking whether it works.

    A program alone proves nothing: docker's is there without its daemon as well.

    Args:
        choice: ``podman``, ``docker`` or the path of one of them; None for the first that works,
            ``none`` for no engine at all.
        folder: Where its commands run.
        at_once: How many of its processes are waited for at the same time.
    """

    def __init__(self, choice: str | None, folder: Path, at_once: int) -> None:
        self._candidates: Sequence[str] = CHOICES if choice is None else (choice,)
        self._folder = folder
        self._threads = ThreadPoolExecutor(at_once, "container")
        self._found: Tool | None = None
        self._looking = asyncio.Lock()

    async def find(self) -> Tool:
        """Return the engine; once one was found, it is not asked again.

        Raises:
            ToolFailed: None works; the message says why not, and what to install.
        """
        async with self._looking:
            if self._found is None:
                self._found = await self._look()
            return self._found

    def close(self) -> None:
        """End the threads, once nothing is waited for."""
        self._threads.shutdown(wait=False)

    async def _look(self) -> Tool:
        problems = []
        for candidate in self._candidates:
            if candidate == NONE:
                problems.append("HEADRACE_CONTAINER_ENGINE is none")
                continue
            program = shutil.which(candidate)
            if program is None:
                problems.append(f"{candidate} is not installed")
                continue
            try:
                return await self._works(program)
            except (ToolFailed, OSError) as error:
                problems.append(f"{candidate} does not work ({str(error).rstrip('.')})")
        raise ToolFailed(
            f"it needs a container engine on the server's machine: {'; '.join(problems)}. Have "
            "podman installed there (apt install podman), or docker with its daemon running, and "
            "see that the server's user may use it."
        )

    async def _works(self, program: str) -> Tool:
        self._folder.mkdir(parents=True, exist_ok=True)
        tool = Tool(program, True, self._folder, self._threads)
        version = await tool.ask("--version", timeout_s=LOOK_S)
        await tool.ask("info", timeout_s=LOOK_S)
        return replace(tool, is_podman="podman" in version.lower())


def piped(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a stream of a command, which was started with pipes."""
    if stream is None:
        raise ValueError("the command was started without this pipe")
    return stream


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a command with what it has started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def last_words(err: bytes) -> str:
    """Return the last line of what a command said, without the mark of an error."""
    lines = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ")[:1000] if lines else ""
