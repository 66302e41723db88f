"""A look at a cluster, without running anything on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from headrace.core.errors import Unavailable
from headrace.core.nodes import NodeState
from headrace.engines.ray.engine import RayEngine
from headrace.engines.ray.settings import RaySettings

NODES_S = 30.0
"""How long the first agent is waited for."""


class _Nothing:
    """No code at all (:class:`headrace.engines.port.Originals`)."""

    async def archive(self, bundle: str) -> Path:
        raise Unavailable(f"The folder {bundle} is not here.")

    async def attachment(self, digest: str) -> Path:
        raise Unavailable(f"The file {digest} is not here.")


async def look_at(settings: RaySettings) -> list[NodeState]:
    """Return the nodes whose agents are there first, having started and ended these.

    Raises:
        Unavailable: The cluster cannot be used, or no agent starts; the message says why.
    """
    engine = RayEngine(settings, _Nothing())
    try:
        await engine.open()
        async with asyncio.timeout(NODES_S):
            await engine.until_heard()
        return engine.nodes()
    except TimeoutError:
        raise Unavailable(
            f"The Ray cluster answers, but no agent started on it within {NODES_S:g} s: is "
            "Headrace installed on its nodes, in the Python that they were started with?"
        ) from None
    finally:
        await engine.close()
