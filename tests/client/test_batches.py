"""Batches: each thing is done once, so many at a time, and an end in the middle is orderly."""

from __future__ import annotations

import threading

import pytest

from headrace.client.batches import Batch


def test_each_is_done_once_by_as_many_as_asked_for() -> None:
    together = threading.Barrier(3, timeout=30)

    def work(number: int) -> tuple[int, str]:
        if number < 3:
            together.wait()
        return number, threading.current_thread().name

    results = list(Batch(range(100), work, 3).results())
    assert sorted(number for number, _ in results) == list(range(100))
    assert len({name for _, name in results}) <= 3


def test_nothing_is_begun_after_a_stop() -> None:
    begun: list[int] = []
    is_stopped = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        assert number < 2 or is_stopped.wait(30)

    batch = Batch(range(1000), work, 2)
    for _ in batch.results():
        batch.stop()
        is_stopped.set()
    assert batch.is_stopped
    assert len(begun) <= 4


def test_an_error_ends_it_and_is_raised() -> None:
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    batch = Batch(range(10_000), work, 1)
    with pytest.raises(ValueError, match="five"):
        list(batch.results())
    assert batch.is_stopped


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(Batch([], abs, 0).results()) == []
