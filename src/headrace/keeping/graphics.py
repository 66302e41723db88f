"""What graphics processors are used for, as the tool of their maker says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

_TOOL = "nvidia-smi"
_QUESTION = "--query-gpu=utilization.gpu,memory.used,memory.total"
_PATIENCE_S = 5.0
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Graphics:
    """All graphics processors of a machine together.

    Attributes:
        used: Percent, the mean of all.
        memory: Percent of their memory.
        total: Bytes of their memory.
    """

    used: float
    memory: float
    total: int


def look_at_graphics() -> Graphics | None:
    """Return what is used now; None where there are none, or none that says so.

    Blocks for some seconds at most.
    """
    tool = shutil.which(_TOOL)
    if tool is None:
        return None
    try:
        done = subprocess.run(
            [tool, _QUESTION, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
        )
        lines = [line.split(",") for line in done.stdout.splitlines() if line.strip()]
        rows = [(float(used), float(taken), float(total)) for used, taken, total in lines]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    total = sum(row[2] for row in rows)
    if total <= 0:
        return None
    return Graphics(
        used=sum(row[0] for row in rows) / len(rows),
        memory=sum(row[1] for row in rows) / total * 100,
        total=int(total * _MEBIBYTE),
    )
