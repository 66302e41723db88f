"""A worker in a process of its own: ``worker_process.py DATA_DIRECTORY NAME``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.running.parts import parts

from headrace.running import worker as worker_module


async def main(root: Path, name: str) -> None:
    # Signals stay within a process, so what others record has to be looked for.
    worker_module.LOOK_AGAIN_S = 0.1
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with parts(root, name=name, slots=3) as server:
        await server.worker.begin()
        sys.stdout.write(f"{server.worker.worker_id}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
