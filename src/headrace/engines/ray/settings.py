"""What an operator decides about the engine of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.version import __version__

LOCAL = "local"
"""Names the engine of the server's own machine."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What agents are told when they are started.

    Attributes:
        max_templates: Templates at once on a node.
        template_memory: Bytes of memory of all templates of a node together; None: a quarter.
        template_idle_s: Seconds after which a template without calls is retired.
        start_timeout_s: How long the start of a call may take, in seconds.
        log_bytes: What the log of one call may hold.
        builds_at_once: How many environments a node builds at once.
        folder_bytes: Most content of a pipeline's folder.
        unused_s: Seconds after which a node removes unused folders and environments.
    """

    max_templates: int = 8
    template_memory: int | None = None
    template_idle_s: float = 600.0
    start_timeout_s: float = 300.0
    log_bytes: int = 256 << 20
    builds_at_once: int = 2
    folder_bytes: int = 1 << 40
    unused_s: float = 7 * 86400.0

    def header(self) -> dict[str, Any]:
        """Return them as an agent reads them, with the version that it has to have."""
        names = self.__dataclass_fields__
        return {**{name: getattr(self, name) for name in names}, "version": __version__}


@dataclass(frozen=True, slots=True)
class RaySettings:
    """The settings of the engine of a cluster.

    Attributes:
        address: ``HOST:PORT`` of the cluster's head; ``auto`` for the cluster of this machine.
        agent: The class of agents, as ``module:name``; it is installed on each node.
        agents: What agents are told.
        token: The cluster's token, if it asks for one.
    """

    address: str
    agent: str
    agents: AgentSettings
    token: str | None = None


def read_engine(text: str) -> str:
    """Return the engine that a setting asks for: ``local``, ``ray`` or ``ray://HOST:PORT``.

    Raises:
        ValueError: It is none of these; the message says what it must be.
    """
    if text in {LOCAL, "ray"}:
        return text
    scheme, _, rest = text.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme != "ray" or not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ValueError(
            "must be local, ray for the cluster of this machine, or ray://HOST:PORT with the "
            "address that `ray start` names on the cluster's head"
        )
    return text


def address_in(engine: str) -> str:
    """Return the address of the cluster that :func:`read_engine` has read."""
    return "auto" if engine == "ray" else engine.removeprefix("ray://")
