"""The route of the nodes of a cluster."""

from __future__ import annotations

from headrace.web.exchange import Exchange
from headrace.wire.answers import Answer
from headrace.wire.bodies import node_body


async def list_nodes(exchange: Exchange) -> Answer:
    """List the nodes on which elastic executions run, by name, as they were last heard of.

    The list is empty if executions run on the server's own machine. `problem` says why a node takes
    none; it is null if it takes them.
    """
    return Answer([node_body(node) for node in await exchange.services.nodes.all(exchange.scope)])
