"""Transactions of a deployment, its schedule included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from headrace.control.transactions.schedules import Fired, settle_schedule
from headrace.control.transactions.versions import (
    breaks_of_deployment,
    no_pipeline,
    version_to_run,
)
from headrace.core.compatibility import has_same_signature, refuse
from headrace.core.deployments import Deployment
from headrace.core.errors import AlreadyExists, Conflict, NotFound
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.schedules import Schedule
from headrace.core.sources import Rule
from headrace.store import deployments as rows
from headrace.store import ledger, schedules
from headrace.store.pipelines import pipeline_by_id

DELETED = Failure(
    FailureKind.CANCELLED, "The execution was cancelled, because its deployment was deleted."
)


@dataclass(frozen=True, slots=True)
class Pin:
    """The version that a deployment is to run.

    Attributes:
        number: Its number; None follows the current one.
        is_forced: Whether it may break the deployment's mapping or its callers.
    """

    number: int | None
    is_forced: bool = False


def add(connection: Connection, deployment: Deployment, sealed_token: bytes | None) -> None:
    """Insert a deployment.

    Raises:
        HeadraceError: As by :func:`check_new`.
    """
    check_new(connection, deployment)
    rows.add_deployment(connection, deployment, sealed_token)
    if deployment.schedule is not None:
        _start_schedule(connection, deployment, deployment.created_at)


def check_new(connection: Connection, deployment: Deployment) -> None:
    """Check that a deployment can be inserted.

    Raises:
        NotFound: Its pipeline was deleted meanwhile.
        Conflict: Its version is another one meanwhile, and takes or returns something else.
        AlreadyExists: Its name or its URL path is taken.
    """
    _check_version(connection, deployment)
    if rows.deployment_by_name(connection, deployment.name) is not None:
        raise AlreadyExists(
            f"There is a deployment named {deployment.name!r} already: choose another name, or "
            "delete it first."
        )
    if deployment.rule is Rule.ENDPOINT:
        # Endpoints are called by path and by name, so neither may be another's name or path.
        for what, path in (("name", deployment.name), ("endpoint_url_path", deployment.url_path)):
            if path is not None and rows.deployment_by_url_path(connection, path) is not None:
                raise AlreadyExists(
                    f"Another endpoint is called by {path!r} already: choose another {what}."
                )


def _check_version(connection: Connection, deployment: Deployment) -> None:
    """Check that the version is still the one that the mapping was checked for."""
    read = deployment.pipeline
    present = pipeline_by_id(connection, read.id, deployment.pinned_version)
    if present is None:
        raise no_pipeline(read.name)
    if not present.version.can_run or not has_same_signature(present.version, read.version):
        raise Conflict(
            f"Version {present.version.number} of pipeline {read.name!r} is current meanwhile, "
            "with other inputs or outputs: look at them, then try again."
        )


def change(
    connection: Connection,
    name: str,
    apply: Callable[[Deployment], Deployment],
    at: datetime,
    worker_id: str,
    pin: Pin | None = None,
) -> tuple[Deployment, Fired]:
    """Change a deployment; return it as it is then, and what its schedule did until now.

    Raises:
        HeadraceError: As by :func:`changed`.
    """
    before, after = changed(connection, name, apply, pin)
    fired = Fired()
    if before.schedule is not None:
        fired = settle_schedule(connection, before.id, at, worker_id)
    rows.change_deployment(connection, after)
    if before.schedule != after.schedule:
        _restart_schedule(connection, before, after, at)
    stored = rows.deployment_by_id(connection, before.id)
    return (after if stored is None else stored), fired


def changed(
    connection: Connection,
    name: str,
    apply: Callable[[Deployment], Deployment],
    pin: Pin | None = None,
) -> tuple[Deployment, Deployment]:
    """Return a deployment before and after a change, which is not stored.

    What is mapped by the change is mapped for the version that it is to run.

    Raises:
        NotFound: There is no such deployment, or no such version.
        Conflict: The version cannot run.
        BreakingChange: The version breaks its mapping or a caller, and is not forced.
        InvalidRequest: What ``apply`` raises.
    """
    found = rows.deployment_by_name(connection, name)
    if found is None:
        raise no_deployment(name)
    before = found[0]
    after = apply(before if pin is None else pinned(connection, before, pin))
    if pin is not None and not pin.is_forced:
        version = after.pipeline.version
        breaks = breaks_of_deployment(connection, before, after)
        refuse(after.pipeline.name, version.number, breaks)
    return before, after


def pinned(connection: Connection, deployment: Deployment, pin: Pin) -> Deployment:
    """Return a deployment with the version that a pin gives it.

    Raises:
        NotFound: The pipeline is gone, or there is no such version.
        Conflict: The version cannot run.
    """
    current = pipeline_by_id(connection, deployment.pipeline.id)
    if current is None:
        raise no_deployment(deployment.name)
    pipeline = current if pin.number is None else version_to_run(connection, current, pin.number)
    return replace(deployment, pipeline=pipeline, pinned_version=pin.number)


def close(connection: Connection, deployment_id: str, at: datetime, worker_id: str) -> None:
    """Record what the schedule of a deployment that is deleted did until now, and that it ends."""
    deployment = rows.deployment_by_id(connection, deployment_id)
    if deployment is not None and deployment.schedule is not None:
        settle_schedule(connection, deployment_id, at, worker_id)
        _end_schedule(connection, deployment_id, at)


def change_token(connection: Connection, name: str, sealed_token: bytes) -> None:
    """Replace the token of an endpoint.

    Raises:
        NotFound: There is no such endpoint.
    """
    found = rows.deployment_by_name(connection, name)
    if found is None or found[0].rule is not Rule.ENDPOINT:
        raise NotFound(f"There is no endpoint {name!r}.")
    rows.change_token(connection, found[0].id, sealed_token)


def no_deployment(name: str) -> NotFound:
    """Return the error for a name that no deployment has."""
    return NotFound(f"There is no deployment {name!r}.")


def _start_schedule(connection: Connection, deployment: Deployment, at: datetime) -> None:
    """Record the schedule of a new deployment; only fire times after ``at`` count."""
    schedule = _schedule_of(deployment)
    schedules.add_schedule(connection, deployment.id, schedule, schedule.cron.next_after(at))
    schedules.open_revision(connection, deployment.id, deployment.name, schedule.cron, at)


def _restart_schedule(
    connection: Connection, before: Deployment, after: Deployment, at: datetime
) -> None:
    """Store a changed schedule, settled up to ``at``; only fire times after ``at`` follow it."""
    at = _not_before_ledger(connection, after.id, at)
    old, new = _schedule_of(before), _schedule_of(after)
    schedules.change_schedule(connection, after.id, new, new.cron.next_after(at))
    if new.cron != old.cron:
        schedules.close_revision(connection, after.id, at)
        schedules.open_revision(connection, after.id, after.name, new.cron, at)


def _end_schedule(connection: Connection, deployment_id: str, at: datetime) -> None:
    """Record that a deployment, settled up to ``at``, has no fire times after it."""
    schedules.close_revision(
        connection, deployment_id, _not_before_ledger(connection, deployment_id, at)
    )


def _not_before_ledger(connection: Connection, deployment_id: str, at: datetime) -> datetime:
    """Return from when on a change made at ``at`` holds.

    A clock that was set back must not have it hold before what is recorded already: fire times with
    a row would come again, or have a row by a schedule that was not in force.
    """
    since = schedules.revisions_of(connection, deployment_id)[-1].since
    recorded = ledger.last_fire_time(connection, deployment_id)
    return max(at, since, recorded or since)


def _schedule_of(deployment: Deployment) -> Schedule:
    if deployment.schedule is None:
        raise LookupError(f"deployment {deployment.id} has no schedule")
    return deployment.schedule
