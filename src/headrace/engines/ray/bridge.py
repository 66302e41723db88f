"""The process that is the server's connection to the cluster: it carries messages, and no more.

Ray ends a process whose cluster is lost, so it is never the server's own. It is started with a
socket to the server, whose end is its own end; the cluster then ends the agents.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from headrace.engines.ray.frames import Stream
from headrace.engines.ray.messages import Header, pack, unpack

_LOOK_S = 1.0
_BEGIN_S = 120.0
"""How long the start of an agent may take: the cluster starts a Python for it."""

_AGAIN_S = 3.0
"""Seconds until another agent is started on a node after one has ended."""

_UNFIT_AGAIN_S = 15.0
"""The same, after one that could not be started, or is of another version."""

_CLOSE_S = 20.0
_SAID_BYTES = 1 << 16


@dataclass(eq=False, slots=True)
class _Node:
    """A node of the cluster, and the agent on it."""

    actor: Any = None
    work: asyncio.Task[None] | None = None
    not_before: float = 0.0
    facts: Header = field(default_factory=dict)


class Bridge:
    """Keeps one agent on each node, and carries messages between these and the server.

    Args:
        stream: The server.
        agent: The class of agents.
        settings: What agents are told.
    """

    def __init__(self, stream: Stream, agent: type, settings: Header) -> None:
        self._stream = stream
        self._settings = settings
        # By its name and not as code: it is installed on each node.
        self._agent: Any = ray.remote(agent)
        self._nodes: dict[str, _Node] = {}

    async def run(self) -> None:
        """Work until the server closes the stream, then end all agents."""
        looking = asyncio.create_task(self._keep_looking())
        while (message := await self._stream.receive()) is not None:
            header, payload = unpack(message)
            node = self._nodes.get(header["node"])
            if node is None or node.actor is None:
                continue  # The server has been told, or is about to be.
            if header["op"] == "to":
                node.actor.send.remote(payload)
            elif header["op"] == "give_up":
                ray.kill(node.actor)
        looking.cancel()
        await self._close()

    async def _close(self) -> None:
        closing = [node.actor.close.remote() for node in self._nodes.values() if node.actor]
        for node in self._nodes.values():
            if node.work is not None:
                node.work.cancel()
        ends = [asyncio.ensure_future(one) for one in closing]
        if ends:
            await asyncio.wait(ends, timeout=_CLOSE_S)
        for one in ends:
            # Looked at, so that asyncio does not complain of it.
            _ = one.cancelled() or not one.done() or one.exception()

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        """Start an agent on each living node that has none; tell the server of nodes that left."""
        now = asyncio.get_running_loop().time()
        found = await asyncio.to_thread(ray.nodes)
        # A node that has no processors for anybody is there for the server alone.
        living = {
            one["NodeID"]: one for one in found if one["Alive"] and one["Resources"].get("CPU")
        }
        for gone in self._nodes.keys() - living.keys():
            lost = self._nodes.pop(gone)
            if lost.work is not None:
                lost.work.cancel()
            self._tell("lost", gone, why="its node has left the cluster", is_dead=False)
        for node_id, one in living.items():
            node = self._nodes.setdefault(node_id, _Node())
            node.facts = {
                "address": one["NodeManagerAddress"],
                "processors": one["Resources"].get("CPU", 0),
                "gpus": one["Resources"].get("GPU", 0),
            }
            if (node.work is None or node.work.done()) and now >= node.not_before:
                node.not_before = now + _UNFIT_AGAIN_S
                node.work = asyncio.create_task(self._serve(node_id, node))

    async def _serve(self, node_id: str, node: _Node) -> None:
        """Start the agent of a node and carry its messages to the server, until it ends."""
        where = NodeAffinitySchedulingStrategy(node_id, soft=False)
        options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
        try:
            actor: Any = self._agent.options(
                **options, max_concurrency=1000, scheduling_strategy=where
            ).remote(self._settings)
            async with asyncio.timeout(_BEGIN_S):
                facts = await actor.begin.remote()
            if facts["version"] != self._settings["version"]:
                ray.kill(actor)
                self._tell("unfit", node_id, **node.facts, **facts)
                return
            node.actor = actor
            node.not_before = 0.0
            self._tell("up", node_id, **node.facts, **facts)
            while True:
                for message in await actor.receive.remote():
                    self._stream.send(pack({"op": "from", "node": node_id}, message))
        except (RayError, TimeoutError) as error:
            is_dead = isinstance(error, ActorDiedError)
            self._tell("lost", node_id, why=_in_words(error), is_dead=is_dead)
            loop = asyncio.get_running_loop()
            node.not_before = max(node.not_before, loop.time() + _AGAIN_S)
        finally:
            node.actor = None

    def _tell(self, op: str, node_id: str, **header: Any) -> None:
        self._stream.send(pack({**header, "op": op, "node": node_id}))


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"its agent did not start within {_BEGIN_S:g} s"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = lines[-1] if lines else type(error).__name__
    return f"its agent has ended ({type(error).__name__}: {last[:300]})"


@contextmanager
def _stderr_to(descriptor: int) -> Iterator[None]:
    """Have what is written to stderr go elsewhere."""
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _connect(address: str) -> None:
    """Become a driver of the cluster at an address."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(
        address=address,
        log_to_driver=False,
        configure_logging=False,
        include_dashboard=False,
        namespace="headrace",
    )


async def _run(end: socket.socket) -> None:
    stream = await Stream.over(end)
    opening = await stream.receive()
    if opening is None:
        return
    header, _ = unpack(opening)
    with tempfile.TemporaryFile() as said:
        try:
            with _stderr_to(said.fileno()):
                await asyncio.to_thread(_connect, header["address"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the server says it
            # Ray says there, and nowhere else, that a token is wrong.
            said.seek(0)
            text = said.read(_SAID_BYTES).decode(errors="replace")
            why = f"{type(error).__name__}: {error}"
            stream.send(pack({"op": "refused", "why": why, "said": text}))
            stream.close()
            return
    module, _, name = header["agent"].partition(":")
    stream.send(pack({"op": "ready", "ray": ray.__version__}))
    agent = getattr(importlib.import_module(module), name)
    await Bridge(stream, agent, header["settings"]).run()


def main() -> None:
    """Carry messages until the socket that is named on the command line is closed."""
    asyncio.run(_run(socket.socket(fileno=int(sys.argv[1]))))
    # Ray's own end may wait for a cluster that is gone.
    os._exit(0)


if __name__ == "__main__":
    main()
