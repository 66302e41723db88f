"""Whether this process can be forked safely, and what must differ in its children."""

from __future__ import annotations

import sys
from typing import Any

from headrace_harness.pools import end_openmp_pools, has_one_thread, lasting_threads
from headrace_harness.processes import use_huge_pages
from headrace_harness.stdlib import _thread, gc, os, random, warnings

_GPUS = ("/dev/nvidia", "/dev/kfd", "/dev/dri/render")
_TORCH_SEED_CHOSEN_BELOW = 1 << 32


def reason_not_to_fork() -> str | None:
    """Return the thing in this process that a forked child could not use, or None."""
    threads = _python_threads()
    if threads:
        names = ", ".join(threads[:3])
        count = f"{len(threads)} Python thread{'s' if len(threads) > 1 else ''}"
        return f"started {count} at import ({names})"
    native = lasting_threads()
    if native:
        names = ", ".join(dict.fromkeys(native[:3]))
        count = f"{len(native)} native thread{'s' if len(native) > 1 else ''}"
        return f"started {count} at import ({names})"
    if "numba.np.ufunc.omppool" in sys.modules:
        # It ends any other process than the one that it was started in.
        return "used the OpenMP layer of numba at import"
    if _holds_gpu():
        return "opened a GPU at import"
    if _jax_has_backend():
        return "started a backend of jax at import"
    return None


def fork_quietly() -> int:
    """Fork like ``os.fork``, without a warning about threads that forks are known not to hurt."""
    if has_one_thread():
        return os.fork()
    # Native code may have started threads since the import.
    end_openmp_pools()
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=r"This process .* is multi-threaded", category=DeprecationWarning
        )
        return os.fork()


def settle_memory() -> None:
    """Put all objects so far out of the garbage collector's reach.

    It would write to them in each child, and the kernel would have to copy what it wrote to.
    """
    gc.collect()
    gc.disable()
    gc.freeze()
    use_huge_pages()


_RANDOM = sys.modules["random"]


class Randomness:
    """Sees to it that forks draw different numbers, unless user code asked for the same.

    Construct before the import of user code; call :meth:`notice` after it, and :meth:`renew` in
    each child.
    """

    def __init__(self) -> None:
        # Where user code finds it, and not the copy; there may be a file of its name meanwhile.
        self._live = vars(_RANDOM)
        self._seed = random.seed
        self._is_seeded = False
        self._state: Any = None
        self._live["seed"] = self._seed_and_notice

    def notice(self) -> None:
        """Remember the state of ``random`` if user code has seeded it."""
        self._live["seed"] = self._seed
        if self._is_seeded:
            self._state = random.getstate()

    def renew(self) -> None:
        """Give this child numbers of its own; CPython itself has seeded ``random`` anew."""
        if self._state is not None:
            random.setstate(self._state)
        _renew_numpy()
        _renew_torch()

    def _seed_and_notice(self, *args: Any, **kwargs: Any) -> None:
        self._seed(*args, **kwargs)
        given = args[0] if args else kwargs.get("a")
        self._is_seeded = given is not None


def _renew_numpy() -> None:
    legacy = getattr(sys.modules.get("numpy.random"), "mtrand", None)
    if legacy is None:
        return
    try:
        # numpy forgets the seed sequence when a seed is given explicitly.
        if legacy._rand._bit_generator._seed_seq is not None:  # noqa: SLF001 - no public way
            legacy.seed()
    except AttributeError:  # another numpy than those known: its state is no secret to us
        legacy.seed()


def _renew_torch() -> None:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "initial_seed"):
        return
    # By itself torch starts from a random number of more than 32 bits.
    if torch.initial_seed() >= _TORCH_SEED_CHOSEN_BELOW:
        torch.seed()


def _python_threads() -> list[str]:
    """Return the names of all Python threads but the main one."""
    # Neither asks ``threading``, whose functions user code may have replaced.
    others = sys._current_frames().keys() - {_thread.get_ident()}  # noqa: SLF001 - no public way
    known = getattr(sys.modules.get("threading"), "_active", {})
    return [str(getattr(known.get(other), "name", "unnamed")) for other in others]


def _holds_gpu() -> bool:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return True
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith(_GPUS):
                return True
        except OSError:
            continue
    return False


def _jax_has_backend() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "_backends", None))
