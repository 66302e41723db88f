"""All processes of one template or pod, to be found again whatever becomes of those above them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

from headrace.engines.local.cgroups import ControlGroup, kill_groups
from headrace.engines.local.leftovers import PATIENCE_S, PAUSE_S, kill_marked, kill_orphans
from headrace_harness.processes import tree_of


class Belongings:
    """The processes of one template or pod: a control group, or a record of the tree as it grows.

    The guard adopts what its children leave. Only if it is killed together with them are the marks
    in their environments and this all that leads to what is left.

    Args:
        engine_id: Mark of the engine's processes.
        own_id: Mark of these alone.
        runtime_dir: The engine's folder, which keeps records until the next start.
    """

    def __init__(self, engine_id: str, own_id: str, runtime_dir: Path) -> None:
        self._engine_id = engine_id
        self._own_id = own_id
        self._path = records_in(runtime_dir) / own_id
        self._group: ControlGroup | None = None
        self._record: ProcessRecord | None = None
        self._root = 0

    def begin(self, pid: int) -> None:
        """Note the first process, which must not have started another one yet."""
        self._root = pid
        group = ControlGroup.make(self._engine_id, self._own_id)
        if group is not None and group.add(pid):
            self._group = group
        else:
            self._record = ProcessRecord(self._path)

    async def look(self) -> None:
        """Note what has been started since the last look."""
        if self._record is not None:
            await asyncio.to_thread(self._record.note, self._root)

    def kill(self, folders: Collection[Path]) -> None:
        """Kill all that is left, and whatever runs in these folders; blocks until it is gone."""
        if self._group is not None:
            self._group.kill()
        if self._record is not None:
            self._record.kill()
        kill_orphans(self._own_id, folders)


class ProcessRecord:
    """A file with the processes that were seen: ids, and when each began, as ids are used again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: set[tuple[int, str]] = set()

    def note(self, root: int) -> None:
        """Add the processes of a tree that are not known yet; never raises."""
        found = {(pid, _begin_of(pid)) for pid in tree_of(root)}
        new = found - self._seen
        if not new:
            return
        self._seen |= new
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.writelines(f"{pid} {begin}\n" for pid, begin in new)

    def kill(self) -> int:
        """Kill what is left of it, with what that has started; return how many there were.

        Blocks until they are gone, at most a few seconds.
        """
        killed: set[int] = set()
        deadline = time.monotonic() + PATIENCE_S
        # Again until none is seen, because they may fork while they are being killed.
        while (found := self._left()) and time.monotonic() < deadline:
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            killed |= found
            time.sleep(PAUSE_S)
        with contextlib.suppress(OSError):
            self._path.unlink()
        return len(killed)

    def _left(self) -> set[int]:
        """Return the processes that live, those that were seen and what they have started."""
        roots = [pid for pid, begin in self._seen if begin and _begin_of(pid) == begin]
        return {pid for root in roots for pid in tree_of(root) if _begin_of(pid)}

    @classmethod
    def read(cls, path: Path) -> ProcessRecord:
        """Return the record that an earlier engine left."""
        record = cls(path)
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                pid, _, begin = line.partition(" ")
                record._seen.add((int(pid), begin))
        return record


def records_in(runtime_dir: Path) -> Path:
    """Return the folder of the records of an engine."""
    return runtime_dir.absolute() / "processes"


def kill_leftovers(engine_id: str, runtime_dir: Path) -> int:
    """Kill all processes that an engine of this id ever started; return how many there were.

    For the start of a server, before its engine runs anything. Blocks until they are gone, at
    most a few seconds.

    Args:
        engine_id: Mark of the engine's processes.
        runtime_dir: Its folder.
    """
    count = kill_groups(engine_id)
    folder = records_in(runtime_dir)
    if folder.is_dir():
        count += sum(ProcessRecord.read(path).kill() for path in folder.iterdir())
    return count + kill_marked(engine_id)


def _begin_of(pid: int) -> str:
    """Return when a process began, on this boot of the machine; nothing if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return "" if fields[0] in {b"Z", b"X"} else f"{boot} {fields[19].decode()}"
