"""Rows of what machines used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from headrace.core.resources import KEPT_S, STEPS, Sample, thinned
from headrace.store.tables import resource_samples as samples


def add_samples(connection: Connection, worker: str, found: Sequence[Sample]) -> None:
    """Insert samples of a server's machine, instead of those of the same times."""
    for sample in found:
        is_it = (samples.c.worker == worker, samples.c.at_ms == sample.at_ms)
        connection.execute(delete(samples).where(*is_it))
        connection.execute(insert(samples).values(worker=worker, **asdict(sample)))


def count_between(connection: Connection, begin_ms: int, end_ms: int) -> int:
    """Return how many samples there are from one time on and before another."""
    counted = select(func.count()).select_from(samples).where(*_between(begin_ms, end_ms))
    return connection.scalar(counted) or 0


def samples_between(connection: Connection, begin_ms: int, end_ms: int) -> dict[str, list[Sample]]:
    """Return the samples from one time on and before another, by server, oldest first."""
    return _by_worker(connection, *_between(begin_ms, end_ms))


def _between(begin_ms: int, end_ms: int) -> tuple[ColumnElement[bool], ...]:
    return samples.c.at_ms >= begin_ms, samples.c.at_ms < end_ms


def thin_out(connection: Connection, now_ms: int) -> None:
    """Average the samples of all servers by their age, and forget the oldest.

    Of all, because one that is gone, or has got another name, does not do it any more.
    """
    connection.execute(delete(samples).where(samples.c.at_ms < now_ms - KEPT_S * 1000))
    for (age_s, _), (_, seconds) in pairwise(STEPS):
        # Whole times alone: what comes later would else belong to one that was averaged already.
        end_ms = (now_ms - age_s * 1000) // (seconds * 1000) * seconds * 1000
        fine = (samples.c.at_ms <= end_ms, samples.c.seconds < seconds)
        found = _by_worker(connection, *fine)
        connection.execute(delete(samples).where(*fine))
        for worker, some in found.items():
            add_samples(connection, worker, list(thinned(some, seconds)))


def _by_worker(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, list[Sample]]:
    columns = [column for column in samples.c if column.name != "worker"]
    query = select(samples.c.worker, *columns).where(*conditions)
    found: dict[str, list[Sample]] = {}
    for worker, *values in connection.execute(query.order_by(samples.c.worker, samples.c.at_ms)):
        found.setdefault(worker, []).append(Sample(*values))
    return found
