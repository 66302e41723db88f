"""Samples of machines are averaged as they grow old."""

from __future__ import annotations

from headrace.core.resources import Sample, thinned


def sample(at_s: int, cpu: float, received: int) -> Sample:
    return Sample(at_s * 1000, 10, cpu, 2 * cpu, 50.0, received, 1)


def test_percents_are_averaged_and_bytes_are_added() -> None:
    found = list(thinned([sample(10, 1, 5), sample(60, 3, 7), sample(61, 8, 9)], 60))
    assert found == [
        Sample(60_000, 60, 2.0, 4.0, 50.0, 12, 2),
        Sample(120_000, 60, 8.0, 16.0, 50.0, 9, 1),
    ]


def test_of_nothing_nothing_is_made() -> None:
    assert list(thinned([], 60)) == []
