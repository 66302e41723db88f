"""Programs of ours that read what users wrote, each in a process of its own.

Text that is made to break a parser, or to keep it busy, breaks such a program and not the server.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any


def ask(module: str, *arguments: str, given: Any, timeout_s: float) -> Any:
    """Return what a program prints as JSON; None if it breaks, or takes too long.

    It blocks, so call it in a thread. Processes of asyncio are not used, because uvloop runs
    Python between fork and exec.

    Args:
        module: The module that is the program; it calls :func:`limit` first.
        arguments: Its arguments.
        given: What it reads from its standard input, as JSON.
        timeout_s: Longest time that it may take, in seconds.
    """
    command = [sys.executable, "-I", "-X", "utf8", "-m", module, *arguments]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(given).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout) if done.returncode == 0 else None


def limit(memory_bytes: int, processor_s: int) -> None:
    """Limit this process: past its limits it ends, without a core dump."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
