"""An agent put together from what its server decides: each part after those that it needs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from headrace.agent.calls import NodeCalls
from headrace.agent.folder import AgentFolder, open_folder
from headrace.agent.machine import facts
from headrace.agent.materials import NodeMaterials
from headrace.bundles.reading import folder_limits
from headrace.bundles.store import BundleStore
from headrace.core.calls import Code
from headrace.engines.local import LocalEngine, LocalEngineSettings, install_harness
from headrace.engines.local.hanging import Patience
from headrace.engines.local.metering import Meter
from headrace.engines.ray.messages import of_measurement
from headrace.engines.ray.peer import Answer, Hear, Peer, Respond
from headrace.environments.uv import UvBuilder

_CLEAN_EVERY_S = 3600.0


@dataclass(slots=True)
class Assembled:
    """The parts of an agent that its actor has to do with."""

    peer: Peer
    folder: AgentFolder
    engine: LocalEngine
    builder: UvBuilder
    materials: NodeMaterials
    calls: NodeCalls
    meter: Meter
    unused_s: float
    _cleaned_at: float = field(default_factory=time.monotonic)
    _cleaning: asyncio.Task[None] | None = None

    async def tell_state(self) -> None:
        """Tell the server how this node is, and what its calls have used."""
        used = [of_measurement(one) for one in await self.meter.take()]
        warm = self.calls.warm()
        state = facts()
        self.peer.tell("state", **state, calls=self.calls.count, warm=list(warm), used=used)
        self._clean_now_and_then(list(warm.values()))

    def _clean_now_and_then(self, used: list[Code]) -> None:
        is_due = time.monotonic() - self._cleaned_at > _CLEAN_EVERY_S
        if is_due and (self._cleaning is None or self._cleaning.done()):
            self._cleaned_at = time.monotonic()
            work = self.materials.keep_used(used, self.unused_s)
            self._cleaning = asyncio.get_running_loop().create_task(work)

    async def end(self, *_: object) -> Answer:
        """Stop all calls, whose questions are answered, and take no more; answer when that is."""
        await self.engine.close()
        return Answer({})

    async def close(self) -> None:
        """Stop all calls and end all processes; return when nothing is left."""
        if self._cleaning is not None:
            self._cleaning.cancel()
        await self.engine.close()
        await self.builder.close()
        await asyncio.to_thread(self.folder.discard)


def assemble(settings: dict[str, Any], send: Callable[[bytes], None]) -> Assembled:
    """Return the parts of an agent, having ended what agents before left behind.

    Args:
        settings: What the server decides.
        send: Carries messages to the server.
    """
    # Ray hides all graphics processors from an actor that has reserved none.
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        del os.environ["CUDA_VISIBLE_DEVICES"]
    folder = open_folder(os.environ)
    for path in (folder.logs, folder.given, folder.workspaces):
        path.mkdir(parents=True)
    respond: dict[str, Respond] = {}
    hear: dict[str, Hear] = {}
    peer = Peer(send, respond, hear)
    bundles = BundleStore(folder.bundles, folder_limits(settings["folder_bytes"]))
    bundles.sweep()
    builder = UvBuilder(folder.environments, builds_at_once=settings["builds_at_once"])
    materials = NodeMaterials(folder, bundles, builder, peer)
    meter = Meter()
    engine = LocalEngine(_engine_settings(settings, folder), materials, materials.issue, meter)
    calls = NodeCalls(folder, engine, materials, peer)
    respond |= {
        "run": calls.run,
        "import": calls.import_code,
        "output": calls.read_output,
    }
    hear |= {"stop": calls.stop, "forget": calls.forget}
    unused_s = settings["unused_s"]
    made = Assembled(peer, folder, engine, builder, materials, calls, meter, unused_s)
    respond["end"] = made.end
    return made


def _engine_settings(settings: dict[str, Any], folder: AgentFolder) -> LocalEngineSettings:
    memory = settings["template_memory"] or psutil.virtual_memory().total // 4
    return LocalEngineSettings(
        runtime_dir=folder.engine,
        harness_dir=install_harness(folder.harness),
        engine_id=folder.engine_id,
        max_templates=settings["max_templates"],
        template_memory_bytes=memory,
        idle_s=settings["template_idle_s"],
        patience=Patience(start_s=settings["start_timeout_s"]),
        log_bytes=settings["log_bytes"],
        bounds=folder.bounds,
    )
