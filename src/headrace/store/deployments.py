"""Rows of deployments and of the keys of repeated calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from headrace.core.attachments import Attachment
from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import OutputDestination
from headrace.core.low_latency import LowLatency
from headrace.core.pipelines import Pipeline
from headrace.core.retries import Retries
from headrace.core.sources import InputSource, Rule
from headrace.store.moments import from_us, to_us
from headrace.store.pipelines import pipeline_by_id
from headrace.store.schedules import ScheduleRow, schedule_of
from headrace.store.tables import deployments, idempotency_keys
from headrace.wire.codec import decode, encode
from headrace.wire.mappings import (
    destination_fields,
    destination_from,
    source_fields,
    source_from,
)

_IS_KEPT = deployments.c.deleted_at.is_(None)
_BY_ID = select(deployments).where(deployments.c.id == bindparam("deployment_id"), _IS_KEPT)
_BY_IDS = select(deployments).where(
    deployments.c.id.in_(bindparam("ids", expanding=True)), _IS_KEPT
)


def add_deployment(
    connection: Connection, deployment: Deployment, sealed_token: bytes | None
) -> None:
    """Insert a deployment."""
    connection.execute(
        insert(deployments).values(
            id=deployment.id,
            name=deployment.name,
            pipeline_id=deployment.pipeline.id,
            rule=deployment.rule.value,
            mode=deployment.mode.value,
            description=deployment.description,
            sources=_sources_text(deployment.sources),
            destinations=_destinations_text(deployment.destinations),
            is_enabled=deployment.is_enabled,
            created_at=to_us(deployment.created_at),
            created_by=deployment.created_by,
            updated_at=to_us(deployment.updated_at),
            updated_by=deployment.updated_by,
            url_path=deployment.url_path,
            sealed_token=sealed_token,
            timeout_s=deployment.timeout_s,
            retries=deployment.retries.most,
            retry_backoff_s=deployment.retries.backoff_s,
            **_of_code(deployment),
        )
    )


def change_deployment(connection: Connection, deployment: Deployment) -> None:
    """Store what may change of a deployment."""
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment.id)
        .values(
            sources=_sources_text(deployment.sources),
            destinations=_destinations_text(deployment.destinations),
            is_enabled=deployment.is_enabled,
            updated_at=to_us(deployment.updated_at),
            updated_by=deployment.updated_by,
            timeout_s=deployment.timeout_s,
            retries=deployment.retries.most,
            retry_backoff_s=deployment.retries.backoff_s,
            **_of_code(deployment),
        )
    )


def change_token(connection: Connection, deployment_id: str, sealed_token: bytes) -> None:
    """Replace the token of an endpoint."""
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment_id)
        .values(sealed_token=sealed_token)
    )


def deployment_by_name(connection: Connection, name: str) -> tuple[Deployment, bytes | None] | None:
    """Return a deployment with its sealed token, or None."""
    row = connection.execute(
        select(deployments).where(deployments.c.name == name, _IS_KEPT)
    ).one_or_none()
    return None if row is None else _with_pipeline(connection, row)


def deployment_by_id(connection: Connection, deployment_id: str) -> Deployment | None:
    """Return a deployment, or None."""
    row = connection.execute(_BY_ID, {"deployment_id": deployment_id}).one_or_none()
    return None if row is None else _with_pipeline(connection, row)[0]


def deployments_of_schedules(
    connection: Connection, found: Sequence[ScheduleRow]
) -> dict[str, Deployment]:
    """Return the deployments of some schedules, by id, each pipeline read once."""
    schedules = {row.deployment_id: row for row in found}
    rows = connection.execute(_BY_IDS, {"ids": list(schedules)}).all()
    wanted = {(row.pipeline_id, row.pinned_version) for row in rows}
    pipelines = {which: pipeline_by_id(connection, *which) for which in wanted}
    return {
        row.id: deployment_from(row, pipeline, schedules[row.id])
        for row in rows
        if (pipeline := pipelines[row.pipeline_id, row.pinned_version]) is not None
    }


def deployment_by_url_path(
    connection: Connection, path: str
) -> tuple[Deployment, bytes | None] | None:
    """Return the endpoint at a URL path, or else the one of that name, or None.

    Older clients call an endpoint by the name of its deployment (wire contract, 5.6).
    """
    for column in (deployments.c.url_path, deployments.c.name):
        row = connection.execute(
            select(deployments).where(
                column == path, deployments.c.rule == Rule.ENDPOINT.value, _IS_KEPT
            )
        ).one_or_none()
        if row is not None:
            return _with_pipeline(connection, row)
    return None


def low_latency_deployments(connection: Connection) -> list[Deployment]:
    """Return the low-latency deployments that take executions, oldest first."""
    rows = connection.execute(
        select(deployments)
        .where(deployments.c.low_latency.is_not(None), deployments.c.is_enabled)
        .order_by(deployments.c.created_at, deployments.c.id)
    ).all()
    return [_with_pipeline(connection, row)[0] for row in rows]


def following(connection: Connection, pipeline_id: str) -> list[Deployment]:
    """Return the deployments that follow the current version of a pipeline, oldest first."""
    rows = connection.execute(
        select(deployments)
        .where(
            deployments.c.pipeline_id == pipeline_id,
            deployments.c.pinned_version.is_(None),
            _IS_KEPT,
        )
        .order_by(deployments.c.created_at, deployments.c.id)
    ).all()
    return [_with_pipeline(connection, row)[0] for row in rows]


def deployments_of(connection: Connection, pipeline_id: str) -> list[tuple[str, str, Rule]]:
    """Return id, name and rule of each deployment of a pipeline, oldest first."""
    rows = connection.execute(
        select(deployments.c.id, deployments.c.name, deployments.c.rule)
        .where(deployments.c.pipeline_id == pipeline_id, _IS_KEPT)
        .order_by(deployments.c.created_at, deployments.c.id)
    )
    return [(row.id, row.name, Rule(row.rule)) for row in rows]


def claim_key(
    connection: Connection,
    deployment_id: str,
    key: str,
    *,
    execution_id: str,
    request_digest: str,
    at_us: int,
) -> None:
    """Record that a key belongs to an execution; the key must be new."""
    connection.execute(
        insert(idempotency_keys).values(
            deployment_id=deployment_id,
            key=key,
            execution_id=execution_id,
            request_digest=request_digest,
            created_at=at_us,
        )
    )


def execution_of_key(
    connection: Connection, deployment_id: str, key: str
) -> tuple[str, str] | None:
    """Return the execution that a key belongs to, with the digest of its request, or None."""
    row = connection.execute(
        select(idempotency_keys.c.execution_id, idempotency_keys.c.request_digest).where(
            idempotency_keys.c.deployment_id == deployment_id, idempotency_keys.c.key == key
        )
    ).one_or_none()
    return None if row is None else (row.execution_id, row.request_digest)


def _with_pipeline(connection: Connection, row: Row[Any]) -> tuple[Deployment, bytes | None]:
    pipeline = pipeline_by_id(connection, row.pipeline_id, row.pinned_version)
    if pipeline is None:
        raise LookupError(f"deployment {row.id} has no pipeline")
    found = schedule_of(connection, row.id) if row.rule == Rule.PERIODIC.value else None
    return deployment_from(row, pipeline, found), row.sealed_token


def deployment_from(row: Row[Any], pipeline: Pipeline, found: ScheduleRow | None) -> Deployment:
    """Return the deployment of a row, with its pipeline and its schedule."""
    return Deployment(
        id=row.id,
        name=row.name,
        pipeline=pipeline,
        rule=Rule(row.rule),
        mode=Mode(row.mode),
        description=row.description,
        sources=tuple(
            (name, source_from(kind, fields))
            for name, kind, fields in decode(row.sources, "sources")
        ),
        destinations=tuple(
            (name, destination_from(kind, fields))
            for name, kind, fields in decode(row.destinations, "destinations")
        ),
        is_enabled=row.is_enabled,
        created_at=from_us(row.created_at),
        created_by=row.created_by,
        updated_at=from_us(row.updated_at),
        updated_by=row.updated_by,
        url_path=row.url_path,
        timeout_s=row.timeout_s,
        retries=Retries(row.retries, row.retry_backoff_s),
        low_latency=(
            None
            if row.low_latency is None
            else LowLatency(**decode(row.low_latency, "low_latency"))
        ),
        schedule=None if found is None else found.schedule,
        next_fire_at=None if found is None else found.next_fire_at,
        pinned_version=row.pinned_version,
        probe=None if row.probe is None else decode(row.probe, "probe"),
        attachments=tuple(
            Attachment(**fields) for fields in decode(row.attachments or "[]", "attachments")
        ),
    )


def _of_code(deployment: Deployment) -> dict[str, Any]:
    """Return the columns that say which code it runs, with what, and in which pods."""
    low_latency, attached = deployment.low_latency, deployment.attachments
    return {
        "low_latency": None if low_latency is None else encode(asdict(low_latency)).decode(),
        "pinned_version": deployment.pinned_version,
        "probe": None if deployment.probe is None else encode(deployment.probe).decode(),
        "attachments": encode([asdict(one) for one in attached]).decode() if attached else None,
    }


def _sources_text(sources: tuple[tuple[str, InputSource], ...]) -> str:
    return encode([[name, source.kind, source_fields(source)] for name, source in sources]).decode()


def _destinations_text(destinations: tuple[tuple[str, OutputDestination], ...]) -> str:
    return encode(
        [[name, goal.kind, destination_fields(goal)] for name, goal in destinations]
    ).decode()
