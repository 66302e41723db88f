"""Images of pipelines: built from the Dockerfile in the folder, kept by the container engine."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from headrace.core.clock import now
from headrace.core.errors import InvalidEnvironment
from headrace.engines.container.tool import Tool, ToolFailed, ToolFinder, kill_group
from headrace.engines.port import Say

LABEL = "headrace.data"
"""The label by which images and containers of a data directory are found."""

BUILD_S = 3600.0
"""Longest time of one build."""

_LINE = 10_000


class ContainerImages:
    """Builds and discards images (:class:`headrace.engines.port.Images`).

    Args:
        finder: Finds the container engine.
        data_id: Marks what is of one data directory.
        marker: A file that tells later starts that there are images, and of which engine.
        build_s: How long one build may take, in seconds.
    """

    def __init__(
        self, finder: ToolFinder, data_id: str, marker: Path, build_s: float = BUILD_S
    ) -> None:
        self._finder = finder
        self._data_id = data_id
        self._marker = marker
        self._build_s = build_s
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._used: dict[str, float] = {}

    async def check(self) -> None:
        """Check that images can be built and run here; see the port."""
        try:
            await self._finder.find()
        except ToolFailed as error:
            raise InvalidEnvironment(f"container_config[dockerfile_path]: {error}") from None

    async def is_ready(self, digest: str) -> bool:
        """Check whether an image is there; see the port."""
        await self.check()
        self._used[digest] = time.monotonic()
        return await self._has(await self._finder.find(), digest)

    async def ready(self, digest: str, folder: Path, dockerfile: str, say: Say) -> None:
        """Build an image unless it is there; see the port."""
        await self.check()
        tool = await self._finder.find()
        async with self._locks[digest]:
            self._used[digest] = time.monotonic()
            if await self._has(tool, digest):
                return
            self._marker.write_text(tool.program)
            say(f"building the image from {dockerfile} with {Path(tool.program).name}")
            await self._build(tool, digest, folder, dockerfile, say)
            say("the image is ready")

    async def discard_unused(self, keep: Collection[str], *, unused_for_s: float) -> list[str]:
        """Remove images outside ``keep`` that nobody asked for lately; see the port."""
        if not self._marker.exists():
            return []
        try:
            tool = await self._finder.find()
            found = await self._all(tool)
        except ToolFailed:
            return []
        return [
            digest
            for digest in found
            if digest not in keep and await self._discard(tool, digest, unused_for_s)
        ]

    async def _has(self, tool: Tool, digest: str) -> bool:
        try:
            await tool.ask("image", "inspect", "--format", "{{.Id}}", self._name(digest))
        except ToolFailed:
            return False
        return True

    async def _all(self, tool: Tool) -> list[str]:
        out = await tool.ask(
            "images", "--filter", f"label={LABEL}={self._data_id}", "--format", "{{.Tag}}"
        )
        return [tag for tag in out.split() if len(tag) == 64]

    async def _discard(self, tool: Tool, digest: str, unused_for_s: float) -> bool:
        """Remove an image, with the layers that nothing else needs, unless it is young."""
        used = self._used.get(digest)
        if used is not None and time.monotonic() - used < unused_for_s:
            return False
        name = self._name(digest)
        try:
            made = await tool.ask("image", "inspect", "--format", "{{json .Created}}", name)
            if _age_s(made) < unused_for_s:
                return False
            await tool.ask("rmi", name)
        except (ToolFailed, ValueError):
            return False
        return True

    async def _build(
        self, tool: Tool, digest: str, folder: Path, dockerfile: str, say: Say
    ) -> None:
        # On the machine's own network, as code that is no container's is.
        options = [
            f"--file={folder / dockerfile}",
            f"--tag={self._name(digest)}",
            f"--label={LABEL}={self._data_id}",
            "--network=host",
            "--force-rm",
        ]
        try:
            process = tool.start("build", *options, str(folder), merged=True)
        except ToolFailed as error:
            raise InvalidEnvironment(f"The image cannot be built: {error}") from None
        words = _Words(say)
        loop = asyncio.get_running_loop()

        def hear(line: str) -> None:
            loop.call_soon_threadsafe(words.take, line)

        following = loop.run_in_executor(tool.threads, _follow, process, hear)
        try:
            async with asyncio.timeout(self._build_s):
                status = await asyncio.shield(following)
        except TimeoutError:
            raise InvalidEnvironment(
                f"The image was not built within {self._build_s:g} s, the server's limit for one "
                "build, and was given up."
            ) from None
        finally:
            if not following.done():
                kill_group(process)
        if status != 0:
            await self._drop_layers(tool, words.layers)
            raise InvalidEnvironment(
                f"The image cannot be built from {dockerfile}: {words.last or 'see the log'}"
            )

    async def _drop_layers(self, tool: Tool, layers: list[str]) -> None:
        """Remove what a failed build made; podman takes along the layers below, if nobody has them.

        Docker bounds its cache itself.
        """
        for layer in reversed(layers):
            try:
                await tool.ask("rmi", layer)
            except ToolFailed:
                continue

    def _name(self, digest: str) -> str:
        return image_name(self._data_id, digest)


def image_name(data_id: str, digest: str) -> str:
    """Return the name of an image, which no registry has."""
    return f"localhost/headrace-{data_id}:{digest}"


class _Words:
    """The output of a build: the last line, and the layers that podman names."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.last = ""
        self.layers: list[str] = []

    def take(self, line: str) -> None:
        arrow, _, layer = line.partition("--> ")
        if layer and not arrow and layer.isalnum():
            self.layers.append(layer)
        self.last = line.removeprefix("Error: ")[:1000]
        self._say(line)


def _follow(process: subprocess.Popen[bytes], hear: Say) -> int:
    """Pass on what a build says until it ends; return its exit status."""
    if process.stdout is not None:
        with process.stdout as output:
            while raw := output.readline(_LINE):
                line = raw.decode("utf-8", "replace").rstrip()
                if line:
                    hear(line)
    return process.wait()


def _age_s(made: str) -> float:
    """Return the age of an image; its time has more digits than Python reads."""
    text = made.strip().strip('"')
    return (now() - datetime.fromisoformat(f"{text[:19]}+00:00")).total_seconds()
