"""Both ways to the row of an execution make the same one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select
from tests.store.conftest import AT, PIPELINE

from headrace.control.orders import Order, new_execution
from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import EndpointResult, Nowhere
from headrace.core.executions import Execution, Status
from headrace.core.low_latency import LowLatency
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.parameters import Input, Output
from headrace.core.sources import Constant, EndpointValue, EnvironmentVariable, Null, Rule
from headrace.core.values import DataType, Json
from headrace.store import attempts, executions
from headrace.store import deployments as deployment_rows
from headrace.store.book import journal_format as form
from headrace.store.book.rows import record
from headrace.store.execution_row import (
    COLUMNS,
    LEFT_OUT,
    Row,
    RowMaker,
    end_values,
    execution_from,
    row_of,
)
from headrace.store.moments import from_us
from headrace.store.tables import executions as table
from headrace.wire.codec import encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
NAMES = st.text("abc%s\"'{}\\ü", min_size=1, max_size=6)
SOURCES = st.one_of(
    st.builds(EndpointValue, NAMES),
    st.builds(Constant, JSON),
    st.builds(EnvironmentVariable, NAMES),
    st.builds(Null),
)
DESTINATIONS = st.builds(EndpointResult, NAMES) | st.builds(Nowhere)
MOMENTS = st.integers(0, 2**50)
FAILURES = st.none() | st.builds(Failure, st.sampled_from(FailureKind), st.text(max_size=9))


def deployment_of(
    sources: list[EndpointValue | Constant | EnvironmentVariable | Null],
    destinations: list[EndpointResult | Nowhere],
    timeout_s: float | None,
) -> Deployment:
    version = replace(
        PIPELINE.version,
        number=3,
        inputs=tuple(Input(f"i{n}", DataType.JSON) for n in range(len(sources))),
        outputs=tuple(Output(f"o{n}", DataType.JSON) for n in range(len(destinations))),
    )
    return Deployment(
        id="deployment-1",
        name="d",
        pipeline=replace(PIPELINE, version=version),
        rule=Rule.ENDPOINT,
        mode=Mode.LOW_LATENCY,
        description=None,
        sources=tuple((f"i{n}", source) for n, source in enumerate(sources)),
        destinations=tuple((f"o{n}", goal) for n, goal in enumerate(destinations)),
        is_enabled=True,
        created_at=AT,
        created_by="user-1",
        updated_at=AT,
        updated_by="user-1",
        url_path="d",
        timeout_s=timeout_s,
        low_latency=LowLatency(),
    )


def recorded(deployment: Deployment, values: list[Json], at: datetime) -> Execution:
    """The execution that other calls of the deployment are recorded by."""
    order = Order(
        deployment.pipeline,
        deployment.inputs,
        deployment.outputs,
        {},
        {},
        deployment.created_by,
        deployment,
    )
    named = {f"i{n}": value for n, value in enumerate(values)}
    return new_execution("e1", order, named, at)


@given(
    sources=st.lists(SOURCES, max_size=3),
    destinations=st.lists(DESTINATIONS, max_size=3),
    data=st.data(),
    timeout_s=st.none() | st.floats(0.1, 10),
    times=st.tuples(MOMENTS, MOMENTS, MOMENTS),
    failure=FAILURES,
)
def test_a_call_has_one_row_however_it_is_made(
    sources: list[EndpointValue | Constant | EnvironmentVariable | Null],
    destinations: list[EndpointResult | Nowhere],
    data: st.DataObject,
    timeout_s: float | None,
    times: tuple[int, int, int],
    failure: Failure | None,
) -> None:
    deployment = deployment_of(sources, destinations, timeout_s)
    values = data.draw(st.lists(JSON, min_size=len(sources), max_size=len(sources)))
    outputs = [data.draw(JSON) for _ in destinations] if failure is None else None
    created, started, ended = map(from_us, times)

    execution = recorded(deployment, values, created)
    pairs = zip(execution.outputs, outputs or [None] * len(destinations), strict=True)
    execution = replace(
        execution,
        started_at=started,
        ended_at=ended,
        failure=failure,
        outputs=tuple(replace(record, value=value) for record, value in pairs),
    )
    one = row_of(execution, "w1") | end_values(failure, ended)

    maker = RowMaker(deployment)
    other = maker.row(
        "e1",
        "w1",
        Status(one["status"]),
        times,
        maker.inputs_text([encode(value).decode() for value in values]),
        None if outputs is None else [encode(value).decode() for value in outputs],
        failure,
    )
    assert dict(zip(COLUMNS, other, strict=True)) == {name: one[name] for name in COLUMNS}
    assert {one[name] for name in one.keys() - set(COLUMNS)} <= {None}


@pytest.fixture
def maker(connection: Connection) -> RowMaker:
    deployment = deployment_of([EndpointValue("x")], [EndpointResult("y")], None)
    deployment_rows.add_deployment(connection, deployment, b"sealed")
    return RowMaker(deployment)


def a_row(
    maker: RowMaker, worker_id: str, status: Status, *times: int, why: Failure | None = None
) -> tuple[object, ...]:
    started, ended = (*times, None, None)[:2]
    inputs = maker.inputs_text(["1"])
    return maker.row("e1", worker_id, status, (1, started, ended), inputs, None, why)


def status_of(connection: Connection) -> str:
    return str(connection.scalar(select(table.c.status)))


def put_on_record(connection: Connection, rows: list[Row]) -> None:
    """Record rows in a transaction, as a server does."""
    connection.exec_driver_sql("BEGIN")
    record(connection, rows)
    connection.exec_driver_sql("COMMIT")


def test_what_was_written_in_bulk_is_read_like_any_other(
    connection: Connection, maker: RowMaker
) -> None:
    put_on_record(connection, [a_row(maker, "w1", Status.PENDING)])
    row = connection.execute(select(table)).one()
    assert execution_from(row) == executions.execution_by_id(connection, "e1")
    assert execution_from(row).created_at == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_the_start_and_the_end_of_a_call_are_fenced(
    connection: Connection, maker: RowMaker
) -> None:
    """By its worker, by its attempt, and by its not having ended."""
    put_on_record(connection, [a_row(maker, "w1", Status.PENDING)])

    def end(worker_id: str, status: Status = Status.SUCCEEDED) -> None:
        put_on_record(connection, [a_row(maker, worker_id, status, 2, 3)])

    put_on_record(connection, [a_row(maker, "w2", Status.RUNNING, 2)])
    end("w2")
    assert status_of(connection) == "Pending"
    put_on_record(connection, [a_row(maker, "w1", Status.RUNNING, 2)])
    assert status_of(connection) == "Running"
    # Its worker, taken for dead, reports an attempt that was followed by another one of its own.
    why = Failure(FailureKind.WORKER_LOST, "why")
    assert attempts.attempt_again(connection, "e1", "w1", why, attempt=1, at=AT, delay=AT - AT)
    connection.execute(table.update().values(worker_id="w1"))
    end("w1")
    assert status_of(connection) == "Pending"
    connection.execute(table.update().values(attempt=1))
    end("w1")
    assert status_of(connection) == "Succeeded"
    put_on_record(connection, [a_row(maker, "w1", Status.RUNNING, 2)])
    put_on_record(connection, [a_row(maker, "w1", Status.ERROR, 2, 4, why=why)])
    assert status_of(connection) == "Succeeded"


def test_a_journal_of_a_version_with_fewer_columns_is_read() -> None:
    """What it does not say of a call is what is true of all that such a version answered."""
    maker = RowMaker(deployment_of([], [], None))
    row = maker.row("e1", "w1", Status.SUCCEEDED, (1, 2, 3), "[]", None, None)
    fields = dict(zip(COLUMNS, row, strict=True)) | {"pipeline_version": 1}
    known = {name: value for name, value in fields.items() if name not in LEFT_OUT}
    content = bytearray(form.FILE_BYTES)
    for at, slot in form.slots_of(0, 1):
        content[at : at + len(slot)] = slot
    entry = form.entry(encode(known | {"is_warm": True}), 1, 0)
    content[form.begin_of(0) : form.begin_of(0) + len(entry)] = entry
    assert form.read_halves(bytes(content))[0].rows == [tuple(fields.values())]
