"""What plain functions return that has to be awaited."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from headrace_harness import shadows
from headrace_harness.stdlib import _thread


class Strays:
    """An event loop in a thread, for plain functions that return something to be awaited."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._loop: Any = None

    def run(self, work: Coroutine[Any, Any, str]) -> str:
        """Run a coroutine to its end, in a copy of the present context."""
        with shadows.lifted():
            import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                _thread.start_new_thread(self._loop.run_forever, ())
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
