"""The folder of the agents of a machine: what they keep for each other, and what is one's alone."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.engines.local import Bounds, kill_leftovers

logger = logging.getLogger(__name__)

VARIABLE = "HEADRACE_AGENT_DIR"
"""Names the folder, in the environment in which a node of the cluster is started."""

_OWN = "agent-"
_MODE = 0o700


@dataclass(frozen=True, slots=True)
class AgentFolder:
    """What one agent reads and writes.

    Attributes:
        root: Of all agents of this user on this machine: bundles, environments, attached files.
        own: Of this agent alone; it is removed when the agent has ended.
    """

    root: Path
    own: Path

    @property
    def bundles(self) -> Path:
        """Folders of pipelines, by digest."""
        return self.root / "bundles"

    @property
    def environments(self) -> Path:
        """Environments of pipelines, by digest."""
        return self.root / "environments"

    @property
    def attachments(self) -> Path:
        """Attached files, by digest."""
        return self.root / "attachments"

    @property
    def harness(self) -> Path:
        """Copies of the harness, by version."""
        return self.root / "harness"

    @property
    def engine(self) -> Path:
        """Files of the engine's templates."""
        return self.own / "engine"

    @property
    def workspaces(self) -> Path:
        """Folders of the calls that run."""
        return self.own / "workspaces"

    @property
    def given(self) -> Path:
        """Input files of the calls that run."""
        return self.own / "given"

    @property
    def logs(self) -> Path:
        """Logs of the calls that run."""
        return self.own / "logs"

    @property
    def engine_id(self) -> str:
        """Mark of the processes of this agent."""
        return self.own.name

    @property
    def bounds(self) -> Bounds:
        """Folders that user code may not change."""
        kept = (self.bundles, self.environments, self.attachments, self.harness)
        return Bounds(
            closed=(*kept, self.given, self.logs, self.workspaces),
            open=(self.logs, self.workspaces),
        )

    def discard(self) -> None:
        """Remove what is this agent's alone."""
        shutil.rmtree(self.own, ignore_errors=True)


def open_folder(environ: Mapping[str, str]) -> AgentFolder:
    """Return a new agent's folder, having ended what agents before left behind.

    It is the agent's until its process ends: another agent that starts then removes it.
    """
    root = _root(environ)
    root.mkdir(parents=True, exist_ok=True, mode=_MODE)
    root.chmod(_MODE)
    for left in root.glob(f"{_OWN}*"):
        _end(left)
    own = Path(tempfile.mkdtemp(prefix=_OWN, dir=root))
    # Held for as long as this process lives, by this descriptor; children do not inherit it.
    fcntl.flock(os.open(own, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX)
    return AgentFolder(root, own)


def _root(environ: Mapping[str, str]) -> Path:
    named = environ.get(VARIABLE)
    if named:
        return Path(named).absolute()
    cache = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "headrace" / "agent"


def _end(left: Path) -> None:
    """Kill what an agent left and remove its folder, unless the agent lives."""
    try:
        held = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        killed = kill_leftovers(left.name, left / "engine")
        if killed:
            logger.warning("killed %d processes that an earlier agent left", killed)
        shutil.rmtree(left, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(held)
