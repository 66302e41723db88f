"""Rows of what executions and pods used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from headrace.core.resources import KEPT_S, STEPS
from headrace.core.usage import Measurement, UsageSample, Used, averaged, plus
from headrace.store.tables import execution_samples, execution_usages, executions, pod_samples

ALL_STEPS = (0, *(seconds for _, seconds in STEPS[1:]))
"""What the column ``step`` may be: it comes first in the index of times."""

_IDS_AT_ONCE = 200
"""A statement takes so many parameters, and the databases' limits differ."""

_ROWS_AT_ONCE = 1000
_CONSUMERS_AT_ONCE = 20
"""Consumers whose samples are averaged in one transaction: others wait for it meanwhile."""

_KEYS = {execution_samples: execution_samples.c.execution_id, pod_samples: pod_samples.c.pod_id}

_totals = execution_usages.c
_more_memory: BindParameter[int] = bindparam("more_memory")
_ADD = (
    update(execution_usages)
    .where(_totals.execution_id == bindparam("of_execution"))
    .values(
        cpu_s=_totals.cpu_s + bindparam("more_cpu_s"),
        memory=case((_totals.memory > _more_memory, _totals.memory), else_=_more_memory),
        **{
            name: case(
                (bindparam(f"more_{name}").is_(None), _totals[name]),
                else_=func.coalesce(_totals[name], 0) + bindparam(f"more_{name}"),
            )
            for name in ("read", "written")
        },
    )
)


def record(connection: Connection, worker: str, news: Sequence[Measurement]) -> None:
    """Record measurements of a worker's machine; those of executions that are gone are dropped."""
    totals: dict[str, Used] = {}
    rows: dict[Table, list[dict[str, Any]]] = defaultdict(list)
    for one in news:
        consumer = one.consumer
        if consumer.deployment_id is None:
            totals[consumer.id] = _added(totals.get(consumer.id), one.more)
        if one.sample is None:
            continue
        sample = asdict(one.sample)
        if consumer.deployment_id is None:
            rows[execution_samples].append({"execution_id": consumer.id, **sample})
        else:
            of_pod = {"deployment_id": consumer.deployment_id, "worker": worker}
            rows[pod_samples].append({"pod_id": consumer.id, **of_pod, **sample})
    known = _known(connection, executions.c.id, totals)
    _add_totals(connection, worker, {key: totals[key] for key in totals if key in known})
    for table, found in rows.items():
        key = _KEYS[table].name
        _put(connection, table, [row for row in found if key == "pod_id" or row[key] in known])


def _added(before: Used | None, more: Used) -> Used:
    if before is None:
        return more
    return Used(
        before.cpu_s + more.cpu_s,
        max(before.memory, more.memory),
        plus(before.read, more.read),
        plus(before.written, more.written),
    )


def _add_totals(connection: Connection, worker: str, totals: dict[str, Used]) -> None:
    there = _known(connection, _totals.execution_id, totals)
    new = [
        {"execution_id": key, "worker": worker, **asdict(used)}
        for key, used in totals.items()
        if key not in there
    ]
    if new:
        connection.execute(insert(execution_usages), new)
    more = [
        {"of_execution": key, **{f"more_{name}": value for name, value in asdict(used).items()}}
        for key, used in totals.items()
        if key in there
    ]
    if more:
        connection.execute(_ADD, more)


def _known(connection: Connection, column: ColumnElement[str], ids: Iterable[str]) -> set[str]:
    wanted, found = list(ids), set[str]()
    for begin in range(0, len(wanted), _IDS_AT_ONCE):
        some = wanted[begin : begin + _IDS_AT_ONCE]
        found |= set(connection.scalars(select(column).where(column.in_(some))))
    return found


def _put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert samples, instead of those of the same times."""
    if not rows:
        return
    key = _KEYS[table]
    same = (key == bindparam("of_key"), table.c.at_ms == bindparam("of_time"))
    connection.execute(
        delete(table).where(*same),
        [{"of_key": row[key.name], "of_time": row["at_ms"]} for row in rows],
    )
    connection.execute(insert(table), list(rows))


def thin_out_some(connection: Connection, now_ms: int) -> bool:
    """Average samples of some executions and pods by their age, and forget the oldest.

    Return whether there may be more to do.
    """
    is_left = False
    for table, key in _KEYS.items():
        c = table.c
        connection.execute(
            delete(table).where(c.step.in_(ALL_STEPS), c.at_ms < now_ms - KEPT_S * 1000)
        )
        for (age_s, _), (_, step) in pairwise(STEPS):
            # Whole periods alone: what comes later would belong to one that was averaged already.
            end_ms = (now_ms - age_s * 1000) // (step * 1000) * step * 1000
            finer = [known for known in ALL_STEPS if known < step]
            ids = [
                of_id
                for known in finer
                for of_id in _oldest(connection, table, c.step == known, c.at_ms <= end_ms)
            ]
            if ids:
                # Not by the index of steps, which has all others' samples as well.
                fine = ((c.step + 0).in_(finer), c.at_ms <= end_ms)
                _average(connection, table, (key.in_(ids), *fine), step)
                is_left = True
    return is_left


def _oldest(connection: Connection, table: Table, *which: ColumnElement[bool]) -> dict[str, None]:
    """Return the consumers of the oldest samples, some at most."""
    query = select(_KEYS[table]).where(*which).order_by(table.c.at_ms).limit(_ROWS_AT_ONCE)
    found = dict.fromkeys(connection.scalars(query))
    return dict.fromkeys(list(found)[:_CONSUMERS_AT_ONCE])


def _average(
    connection: Connection, table: Table, which: tuple[ColumnElement[bool], ...], step: int
) -> None:
    key = _KEYS[table]
    found: dict[str, list[UsageSample]] = defaultdict(list)
    others: dict[str, dict[str, Any]] = {}
    ordered = select(table).where(*which).order_by(key, table.c.at_ms)
    for row in connection.execute(ordered).mappings():
        values = dict(row)
        sample = UsageSample(**{name: values.pop(name) for name in UsageSample.__slots__})
        found[values[key.name]].append(sample)
        others[values[key.name]] = values
    connection.execute(delete(table).where(*which))
    rows = [
        {**others[of_id], **asdict(sample)}
        for of_id, samples in found.items()
        for sample in averaged(samples, step)
    ]
    _put(connection, table, rows)
