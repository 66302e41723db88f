"""What Linux knows about processes: parents, sessions, memory, and who dies or adopts with whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headrace_harness.stdlib import contextlib, ctypes, io, os, signal, time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_MADV_COLLAPSE = 25
_HUGE_PAGE = 2 << 20

_OOM_SCORE_OF_A_CALL = b"500"

_PAUSE_S = 0.002

try:
    _libc: Any = ctypes.CDLL(None)
except (AttributeError, OSError):  # an interpreter built without ctypes
    _libc = None


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process as soon as ``parent`` has ended."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def outlive_parent() -> None:
    """Undo :func:`die_with_parent`."""
    _prctl(_PR_SET_PDEATHSIG, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none is lost."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def offer_to_the_oom_killer() -> None:
    """Ask the kernel to choose this process before templates and server when memory runs out."""
    with contextlib.suppress(OSError):
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(descriptor, _OOM_SCORE_OF_A_CALL)
        finally:
            os.close(descriptor)


def use_huge_pages() -> None:
    """Ask the kernel to put this process's private memory into huge pages, where it can.

    A fork and the end of a fork cost time for each page that is in use.
    """
    if _libc is None:
        return
    with io.open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        regions = [line.split(maxsplit=5) for line in maps]
    for span, access, _, _, inode, *name in regions:
        if inode != "0" or not access.startswith("rw") or name not in ([], ["[heap]\n"]):
            continue
        start, end = (int(address, 16) for address in span.split("-"))
        start = (start + _HUGE_PAGE - 1) // _HUGE_PAGE * _HUGE_PAGE
        if end - start >= _HUGE_PAGE:
            # Before Linux 6.1 this is refused, and then all stays as it was.
            length = (end - start) // _HUGE_PAGE * _HUGE_PAGE
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_COLLAPSE)


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes whose parent is ``pid``, zombies too."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found.extend(_children_of_task(f"/proc/{pid}/task/{task}/children"))
    except FileNotFoundError:
        # The process is gone, or the kernel was built without these files.
        return _children_by_scan(pid)
    return found


def end_descendants(patience_s: float = 5.0) -> None:
    """Kill all descendants of this process, which adopts orphans, and wait until they are gone.

    It gives up after ``patience_s`` seconds: what the kernel does not let go cannot be waited for.
    """
    own = os.getpid()
    deadline = time.monotonic() + patience_s
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in tree_of(own) - {own}:
            kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE_S)


def exit_of(status: int) -> int:
    """Return the exit status in what ``waitpid`` gave, or a signal's number below zero."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def tree_of(pid: int) -> set[int]:
    """Return ``pid`` and all its descendants."""
    tree: set[int] = set()
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        if process not in tree:
            tree.add(process)
            waiting.extend(children_of(process))
    return tree


def exceeds(pids: Iterable[int], limit: int) -> bool:
    """Check whether processes use more than ``limit`` bytes of resident memory together.

    Memory that several processes share counts once, in parts: a call does not pay for what its
    template loaded for all. That figure is dear to get, so it is asked for only in doubt.
    """
    pids = list(pids)
    return sum(map(_resident, pids)) > limit and sum(map(proportional, pids)) > limit


def memory_of(pids: Iterable[int], limit: int | None) -> int:
    """Return the resident memory of processes together, in bytes.

    It is exact where it matters, above ``limit``; below it, memory that several of them share may
    count several times, because the exact figure is dear to get.
    """
    pids = list(pids)
    memory = sum(map(_resident, pids))
    return memory if limit is None or memory <= limit else sum(map(proportional, pids))


def processor_time(pid: int) -> float:
    """Return the seconds of processor time that all threads of a process have used; 0 if gone."""
    try:
        with io.open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


def proportional(pid: int) -> int:
    """Return the resident memory of a process in bytes, what it shares divided by the sharers."""
    try:
        with io.open(f"/proc/{pid}/smaps_rollup", "rb") as lines:
            for line in lines:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _resident(pid)


def kill(pid: int, sig: int, *, group: bool = False) -> bool:
    """Send a signal to a process, or to the process group of that id; return whether it got it."""
    try:
        if group:
            os.killpg(pid, sig)
        else:
            os.kill(pid, sig)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def session_of(pid: int) -> int:
    """Return the session of a process, or 0 if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _prctl(option: int, value: int) -> None:
    if _libc is not None:
        _libc.prctl(option, value, 0, 0, 0)


def _resident(pid: int) -> int:
    try:
        with io.open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _children_of_task(path: str) -> list[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts: list[bytes] = []
        while True:
            part = os.read(descriptor, 65536)
            if not part:
                return [int(pid) for pid in b"".join(parts).split()]
            parts.append(part)
    finally:
        os.close(descriptor)


def _children_by_scan(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                with io.open(f"/proc/{name}/stat", "rb") as file:
                    # The name of the program is in parentheses and may hold anything.
                    after_name = file.read().rpartition(b")")[2].split()
                if int(after_name[1]) == parent:
                    found.append(int(name))
    return found
