"""Low-latency deployments: how many warm processes, and what each may do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import InvalidRequest
from headrace.core.numbers import is_number, is_whole_number
from headrace.core.pods import DEFAULT_MAX_PARALLEL

MAX_PODS = 64
MAX_PARALLEL = 1000
MAX_QUEUE = 1_000_000
DEFAULT_MAX_QUEUE = 1000
MIN_RAM_BYTES = 32 << 20
MAX_IDLE_S = 30 * 86400.0

OPTION_NAMES = (
    "enable_parallel_executions",
    "max_parallel_executions_per_pod",
    "ram_request",
    "gpu_request",
    "pods",
    "idle_timeout_s",
    "max_queue",
)
"""Keys that only a low-latency deployment has; the first four are the contract's."""

_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_RAM = re.compile(r"(\d{1,12})(KiB|MiB|GiB)")


@dataclass(frozen=True, slots=True)
class LowLatency:
    """How a low-latency deployment is served.

    Attributes:
        pods: Warm processes at once.
        max_parallel: Executions at once in one pod; None for one after the other.
        ram_bytes: Memory of one pod with all that it starts; None for no limit.
        idle_timeout_s: Seconds without a call after which no pod is kept; None to keep them.
        max_queue: Calls that may wait; further ones are refused.
        generation: Grows when the pods are to be replaced although nothing else has changed.
    """

    pods: int = 1
    max_parallel: int | None = None
    ram_bytes: int | None = None
    idle_timeout_s: float | None = None
    max_queue: int = DEFAULT_MAX_QUEUE
    generation: int = 0

    @property
    def ram_request(self) -> str | None:
        """The memory as a caller gives it, in the largest unit that fits."""
        if self.ram_bytes is None:
            return None
        for unit in ("GiB", "MiB"):
            if self.ram_bytes % _UNITS[unit] == 0:
                return f"{self.ram_bytes // _UNITS[unit]}{unit}"
        return f"{self.ram_bytes // _UNITS['KiB']}KiB"


def read_low_latency(given: Mapping[str, Any], before: LowLatency | None = None) -> LowLatency:
    """Return how a deployment is to be served, what was not given being as before.

    Args:
        given: Options by the names in :data:`OPTION_NAMES`; null means not given.
        before: How it is served now; None for a new one.

    Raises:
        InvalidRequest: With the field, what is wrong and what it takes.
    """
    base = before or LowLatency()
    _check_gpu(given.get("gpu_request"))
    return LowLatency(
        pods=_count(given, "pods", base.pods, MAX_PODS),
        max_parallel=_max_parallel(given, base.max_parallel),
        ram_bytes=_ram(given.get("ram_request"), base.ram_bytes),
        idle_timeout_s=_idle(given.get("idle_timeout_s"), base.idle_timeout_s),
        max_queue=_count(given, "max_queue", base.max_queue, MAX_QUEUE),
        generation=base.generation,
    )


def _max_parallel(given: Mapping[str, Any], before: int | None) -> int | None:
    name = "max_parallel_executions_per_pod"
    is_parallel, most = given.get("enable_parallel_executions"), given.get(name)
    if is_parallel is not None and not isinstance(is_parallel, bool):
        raise InvalidRequest(
            f"enable_parallel_executions must be true or false, not {is_parallel!r:.80}."
        )
    if is_parallel is False or (is_parallel is None and before is None):
        if most is not None:
            raise InvalidRequest(
                f"{name} is for parallel executions: set enable_parallel_executions to true, or "
                "leave it out."
            )
        return None
    return _count(given, name, before or DEFAULT_MAX_PARALLEL, MAX_PARALLEL)


def _count(given: Mapping[str, Any], name: str, before: int, most: int) -> int:
    count = given.get(name)
    if count is None:
        return before
    if not is_whole_number(count) or not 1 <= count <= most:
        raise InvalidRequest(
            f"{name} must be a whole number from 1 to {most:,}, not {count!r:.80}."
        )
    return count


def _ram(given: object, before: int | None) -> int | None:
    if given is None:
        return before
    match = _RAM.fullmatch(given) if isinstance(given, str) else None
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if size < MIN_RAM_BYTES:
        raise InvalidRequest(
            "ram_request must be a size in KiB, MiB or GiB, such as '512MiB' or '1GiB', and at "
            f"least {MIN_RAM_BYTES >> 20}MiB, not {given!r:.80}."
        )
    return size


def _check_gpu(given: object) -> None:
    if given is None or (given == 0 and not isinstance(given, bool)):
        return
    if not is_whole_number(given) or given < 0:
        raise InvalidRequest(f"gpu_request must be a whole number from 0, not {given!r:.80}.")
    raise InvalidRequest(
        f"gpu_request is {given}, but this server reserves no GPUs for deployments: leave it out. "
        "Code in a pod can use every GPU of the machine all the same."
    )


def _idle(given: object, before: float | None) -> float | None:
    if given is None:
        return before
    if not is_number(given) or not 0 <= given <= MAX_IDLE_S:
        raise InvalidRequest(
            f"idle_timeout_s must be a number of seconds from 1 to {MAX_IDLE_S:,.0f}, or 0 to keep "
            f"the pods, not {given!r:.80}."
        )
    # Between 0 and 1 there would be no pod left when a creation ends.
    return max(1.0, float(given)) if given else None
