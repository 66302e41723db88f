"""Rows of what machines used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

from sqlalchemy import Connection, delete, insert, select

from headrace.core.resources import KEPT_S, STEPS, Sample, thinned
from headrace.store.tables import resource_samples as samples


def add_samples(connection: Connection, worker: str, found: Sequence[Sample]) -> None:
    """Insert samples of a server's machine, instead of those of the same times."""
    for sample in found:
        is_it = (samples.c.worker == worker, samples.c.at_ms == sample.at_ms)
        connection.execute(delete(samples).where(*is_it))
        connection.execute(insert(samples).values(worker=worker, **asdict(sample)))


def samples_between(
    connection: Connection, begin_ms: int, end_ms: int, *, limit: int
) -> dict[str, list[Sample]]:
    """Return the samples from one time on and before another, by server, oldest first."""
    columns = [column for column in samples.c if column.name != "worker"]
    rows = connection.execute(
        select(samples.c.worker, *columns)
        .where(samples.c.at_ms >= begin_ms, samples.c.at_ms < end_ms)
        .order_by(samples.c.worker, samples.c.at_ms)
        .limit(limit)
    )
    found: dict[str, list[Sample]] = {}
    for worker, *values in rows:
        found.setdefault(worker, []).append(Sample(*values))
    return found


def thin_out(connection: Connection, worker: str, now_ms: int) -> None:
    """Average a server's samples by their age, and forget the oldest."""
    forgotten = (samples.c.worker == worker, samples.c.at_ms < now_ms - KEPT_S * 1000)
    connection.execute(delete(samples).where(*forgotten))
    for (age_s, _), (_, seconds) in pairwise(STEPS):
        # Whole times alone: what comes later would else belong to one that was averaged already.
        end_ms = (now_ms - age_s * 1000) // (seconds * 1000) * seconds * 1000
        fine = (samples.c.worker == worker, samples.c.at_ms <= end_ms, samples.c.seconds < seconds)
        columns = [column for column in samples.c if column.name != "worker"]
        rows = connection.execute(select(*columns).where(*fine).order_by(samples.c.at_ms)).all()
        if rows:
            connection.execute(delete(samples).where(*fine))
            add_samples(connection, worker, list(thinned([Sample(*row) for row in rows], seconds)))
