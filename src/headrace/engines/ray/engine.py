"""The elastic engine of a cluster: each call goes to a node, whose agent runs it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from headrace.core.calls import Call, Code
from headrace.core.clock import now
from headrace.core.credentials import Issue, no_credential
from headrace.core.nodes import NodeState
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.usage import Measurement
from headrace.engines.local.acquired import TemplateKey
from headrace.engines.port import NeverBegan, Originals, Say
from headrace.engines.ray.connection import Connection
from headrace.engines.ray.messages import Header
from headrace.engines.ray.node import Node, state_of
from headrace.engines.ray.placement import choose
from headrace.engines.ray.settings import RaySettings
from headrace.version import __version__

logger = logging.getLogger(__name__)

SILENCE_S = 15.0
"""A node without a sign of life for so long is lost, and what runs on it."""

NO_NODE_S = 60.0
"""How long a call waits for a node while the cluster has none."""

_ENDED = "the engine was closed"
_MOST_USED = 10_000
_LOOK_S = 1.0
_LATE_S = 5.0
_END_S = 20.0

_CLOSED = Failure(FailureKind.WORKER_LOST, "The engine was closed before the call had ended.")


class RayEngine:
    """Runs calls on the nodes of a cluster (:class:`headrace.engines.port.Engine`).

    It measures what they use, too (:class:`headrace.engines.port.Metering`).

    Args:
        settings: Which cluster, and what its agents are told.
        originals: What nodes fetch code from.
        issue: Gives processes on nodes their credentials.
    """

    def __init__(
        self, settings: RaySettings, originals: Originals, issue: Issue = no_credential
    ) -> None:
        self._originals = originals
        self._issue = issue
        self._connection = Connection(settings, self)
        self._nodes: dict[str, Node] = {}
        self._losing: dict[Node, asyncio.TimerHandle] = {}
        self._unfit: dict[str, tuple[Header, datetime]] = {}
        self._has_node = asyncio.Event()
        self._has_heard = asyncio.Event()
        self._used: deque[Measurement] = deque(maxlen=_MOST_USED)
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Connect to the cluster; its nodes come as their agents are started.

        Raises:
            Unavailable: The cluster cannot be used; the message says why.
        """
        await self._connection.open()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def run(self, call: Call) -> Outcome:
        """Run one call to its end and return what became of it; see the port."""
        call.workspace.mkdir(parents=True, exist_ok=True)
        call.log.parent.mkdir(parents=True, exist_ok=True)
        key = key_of(call.code, call.variables)
        try:
            node = await self._place(key)
        except asyncio.CancelledError:
            raise NeverBegan from None
        if isinstance(node, Failure):
            return node
        return await node.run(call, key)

    def is_warm(self, code: Code, variables: Mapping[str, str]) -> bool:
        """Check whether a node has imported this code; see the port."""
        key = key_of(code, variables)
        return any(node.is_warm(key) for node in self._nodes.values())

    async def warm(
        self, code: Code, variables: Mapping[str, str], say: Say | None = None
    ) -> Failure | None:
        """Import code on one node; see the port."""
        key = key_of(code, variables)
        node = await self._place(key)
        if isinstance(node, Failure):
            return node
        return await node.import_code(code, variables, key, say)

    async def take(self) -> list[Measurement]:
        """Return what calls on nodes have used since the last time."""
        found = list(self._used)
        self._used.clear()
        return found

    async def until_heard(self) -> None:
        """Wait until a node has an agent, of whatever version."""
        await self._has_heard.wait()

    def nodes(self) -> list[NodeState]:
        """Return the nodes of the cluster, by name; those of another version with that."""
        unfit = [
            state_of(node_id, facts, 0, seen, f"It has Headrace {facts['version']}.")
            for node_id, (facts, seen) in self._unfit.items()
        ]
        fit = [node.state() for node in self._nodes.values()]
        return sorted([*fit, *unfit], key=lambda state: (state.name, state.id))

    async def close(self) -> None:
        """Stop all calls and end all agents; return when nothing is left."""
        self._is_closed = True
        self._has_node.set()
        if self._watching is not None:
            self._watching.cancel()
        ends = [asyncio.create_task(node.end()) for node in self._nodes.values()]
        if ends:
            await asyncio.wait(ends, timeout=_END_S)
        await self._connection.close()
        self.disconnected()
        for node, timer in self._losing.items():
            timer.cancel()
            node.lose(_ENDED)

    def up(self, node_id: str, facts: Header) -> None:
        """Hear of an agent that takes calls (:class:`headrace.engines.ray.connection.Listener`)."""
        self.lost(node_id, "another agent is on its node", is_dead=False)
        self._unfit.pop(node_id, None)

        def send(data: bytes) -> None:
            self._connection.send(node_id, data)

        self._nodes[node_id] = Node(
            node_id, facts, send, self._originals, self._issue, self._used.append
        )
        self._has_node.set()
        self._has_heard.set()
        logger.info("the node %s takes executions", facts["host"])

    def unfit(self, node_id: str, facts: Header) -> None:
        """Hear of a node with another version of Headrace."""
        if node_id not in self._unfit:
            logger.warning(
                "the node %s takes no executions: it has Headrace %s, and this server %s",
                facts["host"],
                facts["version"],
                __version__,
            )
        self._unfit[node_id] = facts, now()
        self._has_heard.set()

    def lost(self, node_id: str, why: str, *, is_dead: bool) -> None:
        """Hear that an agent is gone: its calls end as lost, once none of them can run any more.

        An agent that is not known to be dead ends what it runs before it was silent for so long.
        """
        self._unfit.pop(node_id, None)
        node = self._nodes.pop(node_id, None)
        if not self._nodes and not self._is_closed:
            self._has_node.clear()
        if node is not None:
            if not self._is_closed:
                logger.warning("the node %s is lost: %s", node.name, why)
            left_s = 0.0 if is_dead else max(0.0, SILENCE_S - node.silent_s)
            loop = asyncio.get_running_loop()
            self._losing[node] = loop.call_later(left_s, self._lose, node, why)
        else:
            logger.debug("the node %s: %s", node_id, why)

    def message(self, node_id: str, data: bytes) -> None:
        """Hear a message of an agent."""
        node = self._nodes.get(node_id)
        if node is not None:
            node.take(data)

    def disconnected(self) -> None:
        """Hear that the cluster is gone: all its nodes are lost."""
        for node_id in [*self._nodes, *self._unfit]:
            self.lost(node_id, "the connection to the cluster has ended", is_dead=False)

    def _lose(self, node: Node, why: str) -> None:
        del self._losing[node]
        node.lose(why)

    async def _place(self, key: str) -> Node | Failure:
        """Return the node for a call, having waited for one if there is none."""
        try:
            async with asyncio.timeout(NO_NODE_S):
                while not self._is_closed:
                    node = choose(list(self._nodes.values()), key)
                    if node is not None:
                        return node
                    await self._has_node.wait()
        except TimeoutError:
            return Failure(
                FailureKind.ENVIRONMENT,
                f"The Ray cluster had no node for executions within {NO_NODE_S:g} s: look at "
                "`headrace nodes list` and at the server's log.",
            )
        return _CLOSED

    async def _watch(self) -> None:
        """Give up nodes that are silent."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            if loop.time() - due > _LATE_S:
                # This loop was held up itself: what nodes have said meanwhile is still to be read.
                continue
            for node_id, node in list(self._nodes.items()):
                if node.silent_s > SILENCE_S:
                    self._connection.give_up(node_id)
                    why = f"it gave no sign of life for {node.silent_s:.0f} s"
                    self.lost(node_id, why, is_dead=False)


def key_of(code: Code, variables: Mapping[str, str]) -> str:
    """Return a text that two calls share if one template can serve both."""
    return hashlib.sha256(repr(TemplateKey.of(code, variables)).encode()).hexdigest()
