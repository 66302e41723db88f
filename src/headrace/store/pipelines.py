"""Rows of pipelines."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from headrace.core.parameters import Input, Output
from headrace.core.pipelines import ContainerConfig, Origin, Pipeline, PipelineStatus
from headrace.store.moments import from_us, to_us
from headrace.store.tables import pipelines
from headrace.wire.bodies import input_body, output_body
from headrace.wire.codec import decode, encode

_COLUMNS = tuple(column.name for column in pipelines.c)

_IS_KEPT = pipelines.c.deleted_at.is_(None)

# Built once: each run needs one of them, and building a statement costs more than running it.
_BY_NAME = select(pipelines).where(pipelines.c.name == bindparam("pipeline_name"), _IS_KEPT)
_BY_ID = select(pipelines).where(pipelines.c.id == bindparam("pipeline_id"), _IS_KEPT)


def add_pipeline(connection: Connection, pipeline: Pipeline) -> None:
    """Insert a pipeline."""
    connection.execute(
        insert(pipelines).values(
            id=pipeline.id,
            name=pipeline.name,
            description=pipeline.description,
            function_path=pipeline.function_path,
            function_name=pipeline.function_name,
            inputs=encode([input_body(parameter) for parameter in pipeline.inputs]).decode(),
            outputs=encode([output_body(parameter) for parameter in pipeline.outputs]).decode(),
            config=encode(asdict(pipeline.config)).decode(),
            origin=pipeline.origin.value,
            status=pipeline.status.value,
            created_at=to_us(pipeline.created_at),
            created_by=pipeline.created_by,
            bundle=pipeline.bundle,
            environment=pipeline.environment,
            commit_id=pipeline.commit_id,
            failure=pipeline.failure,
        )
    )


def pipeline_by_name(connection: Connection, name: str) -> Pipeline | None:
    """Return a pipeline, or None."""
    row = connection.execute(_BY_NAME, {"pipeline_name": name}).one_or_none()
    return None if row is None else _pipeline(row)


def pipeline_by_id(connection: Connection, pipeline_id: str) -> Pipeline | None:
    """Return a pipeline, or None."""
    row = connection.execute(_BY_ID, {"pipeline_id": pipeline_id}).one_or_none()
    return None if row is None else _pipeline(row)


def all_pipelines(connection: Connection) -> list[Pipeline]:
    """Return all pipelines, oldest first."""
    rows = connection.execute(
        select(pipelines).where(_IS_KEPT).order_by(pipelines.c.created_at, pipelines.c.id)
    )
    return [_pipeline(row) for row in rows]


def pending_pipelines(connection: Connection) -> list[Pipeline]:
    """Return the pipelines whose build has not ended, oldest first."""
    rows = connection.execute(
        select(pipelines)
        .where(pipelines.c.status == PipelineStatus.PENDING.value, _IS_KEPT)
        .order_by(pipelines.c.created_at, pipelines.c.id)
    )
    return [_pipeline(row) for row in rows]


def end_build(
    connection: Connection, pipeline_id: str, *, environment: str | None, failure: str | None
) -> bool:
    """Record how a build ended; False if the pipeline is gone or its build had ended already."""
    status = PipelineStatus.READY if failure is None else PipelineStatus.FAILED
    result = connection.execute(
        update(pipelines)
        .where(
            pipelines.c.id == pipeline_id,
            pipelines.c.status == PipelineStatus.PENDING.value,
            _IS_KEPT,
        )
        .values(status=status.value, environment=environment, failure=failure)
    )
    return result.rowcount == 1


def move_environment(connection: Connection, pipeline_id: str, environment: str) -> None:
    """Record that a ready pipeline has got another environment (rebuilt with other variables)."""
    connection.execute(
        update(pipelines)
        .where(pipelines.c.id == pipeline_id, pipelines.c.status == PipelineStatus.READY.value)
        .values(environment=environment)
    )


def remove_pipeline(connection: Connection, pipeline_id: str) -> None:
    """Delete a pipeline that never had an execution."""
    connection.execute(delete(pipelines).where(pipelines.c.id == pipeline_id))


def digests_in_use(connection: Connection) -> tuple[set[str], set[str]]:
    """Return the digests of the bundles and of the environments that pipelines need."""
    rows = connection.execute(select(pipelines.c.bundle, pipelines.c.environment)).all()
    return {row.bundle for row in rows}, {row.environment for row in rows if row.environment}


def _pipeline(row: Row[Any]) -> Pipeline:
    return _parsed(tuple(row))


@lru_cache(maxsize=256)
def _parsed(values: tuple[Any, ...]) -> Pipeline:
    """Return the pipeline of a row; equal rows, which runs read again and again, share one."""
    row: Any = SimpleNamespace(**dict(zip(_COLUMNS, values, strict=True)))
    config = decode(row.config, "config")
    for key in ("included_folders", "system_dependencies"):
        config[key] = None if config[key] is None else tuple(config[key])
    return Pipeline(
        id=row.id,
        name=row.name,
        description=row.description,
        function_path=row.function_path,
        function_name=row.function_name,
        inputs=tuple(Input(**fields) for fields in decode(row.inputs, "inputs")),
        outputs=tuple(Output(**fields) for fields in decode(row.outputs, "outputs")),
        config=ContainerConfig(**config),
        origin=Origin(row.origin),
        status=PipelineStatus(row.status),
        created_at=from_us(row.created_at),
        created_by=row.created_by,
        bundle=row.bundle,
        environment=row.environment,
        commit_id=row.commit_id,
        failure=row.failure,
    )
