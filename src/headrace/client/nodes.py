"""The nodes of a cluster."""

from __future__ import annotations

from headrace.client.parts import Object, Part
from headrace.wire import routes


class NodeCalls(Part):
    """Where elastic executions run."""

    def list_nodes(self) -> list[Object]:
        """Return the nodes of the cluster, by name; none if the server runs executions itself.

        Each has ``id``, ``name``, ``address``, ``processors``, ``gpus``, ``memory`` and
        ``memory_free`` in bytes, ``load``, ``executions``, ``last_seen`` and ``problem``: why it
        takes no executions, or None.
        """
        found: list[Object] = self._transport.call(routes.NODES)
        return found
