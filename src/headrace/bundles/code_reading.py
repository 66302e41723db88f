"""What the code of a folder says of itself: its functions, and what one declares and needs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.core.errors import Unavailable

AT_ONCE = 2
"""How many folders are read at the same time; the others wait for their turn."""

TURN_S = 30.0
TIMEOUT_S = 20.0


class CodeReading:
    """Reads folders in processes of their own."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read(
        self, folder: Path, function: str, *, pythons: Sequence[str], project: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what :func:`headrace.bundles.code_reader.read_folder` finds.

        Code that cannot be read is said among its ``problems``.

        Raises:
            Unavailable: Too many are read already.
        """
        asked = {"function": function, "pythons": list(pythons), "project": dict(project)}
        try:
            await asyncio.wait_for(self._turns.acquire(), TURN_S)
        except TimeoutError:
            raise Unavailable(
                f"{AT_ONCE} folders are being read, and none was done within {TURN_S:.0f} seconds: "
                "try again."
            ) from None
        try:
            # In a thread, not as a process of asyncio's: uvloop runs Python between fork and exec.
            return await asyncio.to_thread(_read, folder, json.dumps(asked))
        finally:
            self._turns.release()


def _read(folder: Path, asked: str) -> dict[str, Any]:
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-m", "headrace.bundles.code_reader"]
    try:
        done = subprocess.run(
            [*command, str(folder)],
            input=asked.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _unread()
    if done.returncode != 0:
        return _unread()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _unread() -> dict[str, Any]:
    return {
        "functions": [],
        "function_path": "",
        "function_name": "",
        "requirements_files": [],
        "notes": [],
        "problems": [
            "The code could not be read: name the function and what it takes and returns."
        ],
    }
