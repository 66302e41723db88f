"""Many things done some at a time, until all are done or somebody has seen enough."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _End:
    """Stands in the results for the end of a thread."""


class Batch(Generic[T, R]):
    """Things that are done in threads, each of them once.

    Args:
        items: The things, in the order in which they are begun.
        work: Does one; what it raises ends the batch and is raised by :meth:`results`.
        parallel: How many are done at a time.
    """

    def __init__(self, items: Iterable[T], work: Callable[[T], R], parallel: int) -> None:
        self._items = iter(items)
        self._work = work
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._results: queue.SimpleQueue[R | BaseException | _End] = queue.SimpleQueue()
        self._threads = [
            # Whoever is interrupted does not wait for the answers of a server.
            threading.Thread(target=self._run, name=f"batch-{at}", daemon=True)
            for at in range(parallel)
        ]

    @property
    def is_stopped(self) -> bool:
        """Whether nothing further is begun."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Begin nothing further."""
        self._stopped.set()

    def results(self) -> Iterator[R]:
        """Begin, and return what becomes of each as it ends.

        Raises:
            BaseException: What the work raised; nothing further is begun.
        """
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            result = self._results.get()
            if isinstance(result, _End):
                running -= 1
            elif isinstance(result, BaseException):
                self.stop()
                raise result
            else:
                yield result

    def _run(self) -> None:
        try:
            while not isinstance(item := self._next(), _End):
                self._results.put(self._work(item))
        except BaseException as error:  # noqa: BLE001 - raised where the results are read
            self._results.put(error)
        finally:
            self._results.put(_End())

    def _next(self) -> T | _End:
        with self._lock:
            return _End() if self.is_stopped else next(self._items, _End())
