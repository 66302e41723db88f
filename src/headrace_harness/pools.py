"""The threads of native code: pools that can be ended before a fork, and threads that cannot.

A fork copies one thread. A pool whose other threads are gone waits for them for ever, unless its
library takes care of forks. So pools are ended where there is a way to, and whatever thread goes
on after that is taken for one that a fork would break.
"""

from __future__ import annotations

from typing import Any

from headrace_harness.stdlib import ctypes, io, os, signal, time

_HARMLESS_THREADS = frozenset({"jemalloc_bg_thd"})
_TASKS = "/proc/self/task"
_PAUSE_HARD = 2  # omp_pause_hard: give back all that the runtime has, its threads too
_PATIENCE_S = 1.0
_PAUSE_S = 0.002


def lasting_threads() -> list[str]:
    """End the pools of native code and return the names of the native threads that go on.

    To be asked while this process has no Python thread but the main one.
    """
    if not _others():
        return []
    end_openmp_pools()
    _run_fork_handlers()
    # A thread that was told to end, or that user code has joined, may need a moment.
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        names = _others()
        if not names or time.monotonic() > deadline:
            return names
        time.sleep(_PAUSE_S)


def has_one_thread() -> bool:
    """Tell, at the price of one system call, whether no native thread is there."""
    try:
        return os.stat(_TASKS).st_nlink <= 3
    except OSError:
        return False


def end_openmp_pools() -> None:
    """End the pool of every OpenMP runtime in this process; each makes a new one when it has to.

    There may be several: wheels bring their own under names of their own.
    """
    if ctypes is None:
        return
    called = set()
    for path in _mapped_libraries():
        pause = _symbol(path, "omp_pause_resource_all")
        address = ctypes.cast(pause, ctypes.c_void_p).value if pause is not None else None
        # A library finds the symbol in those that it depends on, too.
        if address is not None and address not in called:
            called.add(address)
            pause(_PAUSE_HARD)


def _mapped_libraries() -> list[str]:
    found: dict[str, None] = {}
    with io.open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if ".so" in path:
                found["/" + path] = None
    return list(found)


def _symbol(path: str, name: str) -> Any:
    """Return a function of a library that is loaded already, or None."""
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        return getattr(library, name)
    except (OSError, AttributeError):
        return None


def _run_fork_handlers() -> None:
    """Fork a process that ends at once: libraries that prepare for a fork end their pools then.

    OpenBLAS does. It makes a new pool when it has to, in this process and in its forks.
    """
    if ctypes is None:
        return
    # Of the C library: the handlers of Python belong to forks that will run Python.
    pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        os._exit(0)
    if pid < 0:
        return
    deadline = time.monotonic() + _PATIENCE_S
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(_PAUSE_S)


def _others() -> list[str]:
    """Return the names of all threads but the main one, without those that forks do not hurt."""
    main = str(os.getpid())
    names = [_name(task) for task in os.listdir(_TASKS) if task != main]
    return sorted(name for name in names if name and name not in _HARMLESS_THREADS)


def _name(task: str) -> str:
    try:
        with io.open(f"{_TASKS}/{task}/comm", "rb") as file:
            return file.read().decode("utf-8", "replace").strip() or "unnamed"
    except OSError:
        return ""  # it has ended
