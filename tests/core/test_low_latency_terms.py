"""Options of low-latency deployments: each with its limits, and what a change leaves."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.core.errors import InvalidRequest
from headrace.core.low_latency import LowLatency, read_low_latency

PARALLEL = {"enable_parallel_executions": True}


def test_what_is_not_given_has_its_default() -> None:
    assert read_low_latency({}) == LowLatency()
    assert read_low_latency({"pods": None, "ram_request": None}) == LowLatency()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"pods": 64}, LowLatency(pods=64)),
        ({"max_queue": 1}, LowLatency(max_queue=1)),
        (PARALLEL, LowLatency(max_parallel=6)),
        (PARALLEL | {"max_parallel_executions_per_pod": 1000}, LowLatency(max_parallel=1000)),
        ({"enable_parallel_executions": False}, LowLatency()),
        ({"ram_request": "32MiB"}, LowLatency(ram_bytes=32 << 20)),
        ({"gpu_request": 0}, LowLatency()),
        ({"idle_timeout_s": 0}, LowLatency()),
        ({"idle_timeout_s": 0.1}, LowLatency(idle_timeout_s=1.0)),
        ({"idle_timeout_s": 90}, LowLatency(idle_timeout_s=90.0)),
    ],
)
def test_an_option_is_read(given: dict[str, Any], expected: LowLatency) -> None:
    assert read_low_latency(given) == expected


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"pods": 0}, "pods must be a whole number from 1 to 64, not 0"),
        ({"pods": 65}, "pods must be"),
        ({"pods": True}, "pods must be"),
        ({"pods": 1.0}, "pods must be"),
        ({"max_queue": 1_000_001}, "max_queue must be a whole number from 1 to 1,000,000"),
        ({"enable_parallel_executions": 1}, "enable_parallel_executions must be true or false"),
        ({"max_parallel_executions_per_pod": 2}, "set enable_parallel_executions to true"),
        (
            {"enable_parallel_executions": False, "max_parallel_executions_per_pod": 2},
            "set enable_parallel_executions to true",
        ),
        (PARALLEL | {"max_parallel_executions_per_pod": 0}, "from 1 to 1,000, not 0"),
        ({"ram_request": "31MiB"}, "at least 32MiB, not '31MiB'"),
        ({"ram_request": "1GB"}, "a size in KiB, MiB or GiB"),
        ({"ram_request": 512}, "a size in KiB, MiB or GiB"),
        ({"gpu_request": 1}, "this server reserves no GPUs"),
        ({"gpu_request": -1}, "gpu_request must be a whole number from 0"),
        ({"gpu_request": False}, "gpu_request must be a whole number from 0"),
        ({"gpu_request": "1"}, "gpu_request must be a whole number from 0"),
        ({"idle_timeout_s": -1}, "idle_timeout_s must be a number of seconds from 1"),
        ({"idle_timeout_s": True}, "idle_timeout_s must be"),
        ({"idle_timeout_s": "1"}, "idle_timeout_s must be"),
        ({"idle_timeout_s": float("nan")}, "idle_timeout_s must be"),
        ({"idle_timeout_s": 30 * 86400 + 1}, "idle_timeout_s must be"),
    ],
)
def test_an_option_outside_its_limits_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        read_low_latency(given)


def test_a_change_leaves_what_it_does_not_name() -> None:
    before = LowLatency(3, 4, 64 << 20, 60.0, 10, generation=2)
    assert read_low_latency({}, before) == before
    fewer = read_low_latency({"pods": 1, "max_parallel_executions_per_pod": 9}, before)
    assert fewer == LowLatency(1, 9, 64 << 20, 60.0, 10, generation=2)
    alone = read_low_latency({"enable_parallel_executions": False}, before)
    assert alone.max_parallel is None


@pytest.mark.parametrize("size", ["32MiB", "1GiB", "1025MiB", "33000KiB", None])
def test_a_size_is_shown_in_the_largest_unit_that_fits(size: str | None) -> None:
    assert read_low_latency({"ram_request": size}).ram_request == size
    assert read_low_latency({"ram_request": "1048576KiB"}).ram_request == "1GiB"
