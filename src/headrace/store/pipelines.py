"""Rows of pipelines and of their versions."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, select, update

from headrace.core.executions import Execution
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    Calling,
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.steps import hidden_name
from headrace.store.moments import from_us, to_us
from headrace.store.tables import pipeline_versions as versions
from headrace.store.tables import pipelines
from headrace.wire.codec import decode, encode
from headrace.wire.parameter_bodies import input_body, output_body
from headrace.wire.pipeline_templates import reference_body, reference_from

_WHOLE = (*pipelines.c, *(column.label(f"version_{column.name}") for column in versions.c))
_NAMES = tuple(column.name for column in _WHOLE)
_IS_KEPT = pipelines.c.deleted_at.is_(None)
WITH_VERSIONS = (
    select(*_WHOLE).join(versions, versions.c.pipeline_id == pipelines.c.id).where(_IS_KEPT)
)
"""Each pipeline with each of its versions, for :func:`pipeline_from`."""

IS_HIDDEN = pipelines.c.name.startswith(hidden_name(""))

CURRENT = WITH_VERSIONS.where(versions.c.number == pipelines.c.current_version)
"""Each pipeline with its current version."""

# Built once: each run needs one of them, and building a statement costs more than running it.
_BY_NAME = CURRENT.where(pipelines.c.name == bindparam("pipeline_name"))
_BY_ID = CURRENT.where(pipelines.c.id == bindparam("pipeline_id"))
_BY_NUMBER = WITH_VERSIONS.where(
    pipelines.c.id == bindparam("pipeline_id"), versions.c.number == bindparam("version_number")
)


def add_pipeline(connection: Connection, pipeline: Pipeline) -> None:
    """Insert a pipeline whose current version is the one that it has."""
    connection.execute(
        insert(pipelines).values(
            id=pipeline.id,
            name=pipeline.name,
            description=pipeline.description,
            created_at=to_us(pipeline.created_at),
            created_by=pipeline.created_by,
            current_version=pipeline.version.number,
            step_name=pipeline.step_name,
        )
    )
    add_version(connection, pipeline.id, pipeline.version)


def add_version(connection: Connection, pipeline_id: str, version: PipelineVersion) -> None:
    """Insert a version of a pipeline."""
    connection.execute(
        insert(versions).values(
            id=version.id,
            pipeline_id=pipeline_id,
            number=version.number,
            function_path=version.function_path,
            function_name=version.function_name,
            inputs=encode([input_body(parameter) for parameter in version.inputs]).decode(),
            outputs=encode([output_body(parameter) for parameter in version.outputs]).decode(),
            config=encode(asdict(version.config)).decode(),
            origin=version.origin.value,
            bundle=version.bundle,
            commit_id=version.commit_id,
            message=version.message,
            created_at=to_us(version.created_at),
            created_by=version.created_by,
            status=version.status.value,
            environment=version.environment,
            failure=version.failure,
            calling=version.calling.value,
            discarded_at=to_us(version.discarded_at),
            is_forced=version.is_forced,
            held_back=version.held_back,
            template=None
            if version.template is None
            else encode(reference_body(version.template)).decode(),
        )
    )


def pipeline_by_name(connection: Connection, name: str) -> Pipeline | None:
    """Return a pipeline with its current version, or None."""
    row = connection.execute(_BY_NAME, {"pipeline_name": name}).one_or_none()
    return None if row is None else pipeline_from(row)


def pipeline_by_id(
    connection: Connection, pipeline_id: str, number: int | None = None
) -> Pipeline | None:
    """Return a pipeline with a version of it, the current one if none is named, or None."""
    which = {"pipeline_id": pipeline_id}
    if number is None:
        row = connection.execute(_BY_ID, which).one_or_none()
    else:
        row = connection.execute(_BY_NUMBER, which | {"version_number": number}).one_or_none()
    return None if row is None else pipeline_from(row)


def pipeline_of(connection: Connection, execution: Execution) -> Pipeline | None:
    """Return the pipeline of an execution with the version that the execution has, or None."""
    return pipeline_by_id(connection, execution.pipeline_id, execution.pipeline_version)


def all_pipelines(connection: Connection) -> list[Pipeline]:
    """Return all pipelines, oldest first."""
    return _ordered(connection, ~IS_HIDDEN)


def has_pipelines(connection: Connection) -> bool:
    """Check whether there is any pipeline."""
    return connection.scalar(select(pipelines.c.id).where(~IS_HIDDEN).limit(1)) is not None


def all_steps(connection: Connection) -> list[Pipeline]:
    """Return the pipelines that steps are kept as, oldest first."""
    return _ordered(connection, IS_HIDDEN)


def pipelines_of_step(connection: Connection, step_name: str) -> list[Pipeline]:
    """Return the pipelines that were made of a step, oldest first."""
    return _ordered(connection, pipelines.c.step_name == step_name)


def _ordered(connection: Connection, condition: ColumnElement[bool]) -> list[Pipeline]:
    found = CURRENT.where(condition).order_by(pipelines.c.created_at, pipelines.c.id)
    return [pipeline_from(row) for row in connection.execute(found)]


def pending_pipelines(connection: Connection) -> list[Pipeline]:
    """Return the pipelines with each version whose build has not ended, oldest first."""
    rows = connection.execute(
        WITH_VERSIONS.where(versions.c.status == PipelineStatus.PENDING.value).order_by(
            versions.c.created_at, versions.c.id
        )
    )
    return [pipeline_from(row) for row in rows]


def end_build(
    connection: Connection, version_id: str, *, environment: str | None, failure: str | None
) -> bool:
    """Record how a build ended; False if the pipeline is gone or its build had ended already.

    Which version is current stays as it is.
    """
    status = PipelineStatus.READY if failure is None else PipelineStatus.FAILED
    result = connection.execute(
        update(versions)
        .where(
            versions.c.id == version_id,
            versions.c.status == PipelineStatus.PENDING.value,
            versions.c.pipeline_id.in_(select(pipelines.c.id).where(_IS_KEPT)),
        )
        .values(status=status.value, environment=environment, failure=failure)
    )
    return result.rowcount == 1


def move_environment(connection: Connection, version_id: str, environment: str) -> None:
    """Record that a ready version has got another environment (rebuilt with other variables)."""
    connection.execute(
        update(versions)
        .where(versions.c.id == version_id, versions.c.status == PipelineStatus.READY.value)
        .values(environment=environment)
    )


def remove_pipeline(connection: Connection, pipeline_id: str) -> None:
    """Delete a pipeline that never had an execution."""
    connection.execute(delete(pipelines).where(pipelines.c.id == pipeline_id))


def pipeline_from(row: Row[Any]) -> Pipeline:
    """Return the pipeline of a row of :data:`WITH_VERSIONS`."""
    return _parsed(tuple(row))


@lru_cache(maxsize=256)
def _parsed(values: tuple[Any, ...]) -> Pipeline:
    """Return the pipeline of a row; equal rows, which runs read again and again, share one."""
    row: Any = SimpleNamespace(**dict(zip(_NAMES, values, strict=True)))
    config = decode(row.version_config, "config")
    for key in ("included_folders", "system_dependencies"):
        config[key] = None if config[key] is None else tuple(config[key])
    version = PipelineVersion(
        id=row.version_id,
        number=row.version_number,
        function_path=row.version_function_path,
        function_name=row.version_function_name,
        config=ContainerConfig(**config),
        origin=Origin(row.version_origin),
        bundle=row.version_bundle,
        created_at=from_us(row.version_created_at),
        created_by=row.version_created_by,
        inputs=tuple(Input(**fields) for fields in decode(row.version_inputs, "inputs")),
        outputs=tuple(Output(**fields) for fields in decode(row.version_outputs, "outputs")),
        message=row.version_message,
        commit_id=row.version_commit_id,
        status=PipelineStatus(row.version_status),
        environment=row.version_environment,
        failure=row.version_failure,
        calling=Calling(row.version_calling),
        discarded_at=from_us(row.version_discarded_at),
        is_forced=row.version_is_forced,
        held_back=row.version_held_back,
        template=None
        if row.version_template is None
        else reference_from(decode(row.version_template, "template")),
    )
    return Pipeline(
        row.id,
        row.name,
        from_us(row.created_at),
        row.created_by,
        version,
        row.description,
        row.step_name,
    )
