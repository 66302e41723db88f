"""The functions in a folder's code, and the inputs, outputs and needs of one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.bundles.apart import ask
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

        Its ``problems`` name code that cannot be read.

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
            return await asyncio.to_thread(_read, folder, asked)
        finally:
            self._turns.release()


def _read(folder: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] | None = ask(
        "headrace.bundles.code_reader", str(folder), given=asked, timeout_s=TIMEOUT_S
    )
    return _unread() if found is None else found


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
