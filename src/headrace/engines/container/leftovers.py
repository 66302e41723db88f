"""Containers that outlive what made them: a guard removes them when the server is gone.

A container is no child of the server, so the kernel does not end it with the server. The guard is a
shell that waits for the end of a pipe which the server alone holds open. If it is killed as well,
the next start finds the containers by their label.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
from pathlib import Path

from headrace.engines.container.images import LABEL
from headrace.engines.container.tool import Tool

logger = logging.getLogger(__name__)

RUN_LABEL = "headrace.run"
"""The label of all containers that one start of a server makes."""

_SHELL = "/bin/sh"
_PATIENCE_S = 60.0
_REMOVE = """
ids=$("$1" ps -aq --filter "label=$2")
[ -z "$ids" ] && exit
"$1" kill $ids
"$1" rm -f $ids
"""
_GUARD = f"cat >/dev/null; exec >/dev/null 2>&1; {_REMOVE}"


def remove_leftovers(marker: Path, data_id: str) -> None:
    """Remove the containers that an earlier server left, if it made any. It blocks.

    Args:
        marker: The file that tells which container engine it used.
        data_id: Marks what is of its data directory.
    """
    try:
        program = marker.read_text()
    except OSError:
        return
    command = [_SHELL, "-c", _REMOVE, _SHELL, program, f"{LABEL}={data_id}"]
    try:
        subprocess.run(command, check=False, capture_output=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("containers of an earlier server may be left: %s", error)


class Guard:
    """Removes the containers of this server once it is gone.

    Args:
        label: The label of these containers, with its value.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, tool: Tool) -> None:
        """Watch from now on, if nobody does."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self.end()
        self._process = subprocess.Popen(
            [_SHELL, "-c", _GUARD, _SHELL, tool.program, self._label],
            cwd=tool.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end(self) -> None:
        """End the guard, which removes all containers that are left. It blocks."""
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
