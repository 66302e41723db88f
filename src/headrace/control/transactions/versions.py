"""Transactions of the versions of a pipeline, and of the pointer to the current one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from headrace.control.transactions.schedules import Fired, settle_schedule
from headrace.core import compatibility
from headrace.core.compatibility import Break, with_version
from headrace.core.deployments import Deployment
from headrace.core.dockerfiles import refuse_version
from headrace.core.errors import Conflict, InvalidRequest, NotFound
from headrace.core.names import least_id
from headrace.core.pipelines import Pipeline, PipelineStatus, PipelineVersion
from headrace.store import deployments, executions, versions
from headrace.store import pipelines as rows


@dataclass(frozen=True, slots=True)
class Recorded:
    """A version that a caller asked for.

    Attributes:
        pipeline: The pipeline with that version.
        is_new: Whether it was recorded now, and is to be built.
    """

    pipeline: Pipeline
    is_new: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a build.

    Attributes:
        is_recorded: False if the pipeline is gone or the build had ended already.
        has_moved: Whether the version became the current one.
        held_back: Why it did not.
        fired: What schedules did by the version before.
    """

    is_recorded: bool
    has_moved: bool = False
    held_back: str | None = None
    fired: Fired = Fired()


def unchanged(connection: Connection, name: str, digest: str) -> Pipeline | None:
    """Return a pipeline with the version that runs what a digest says, if there is nothing to do.

    That is the current one if it is ready, or the newest one while it is built.
    """
    current = rows.pipeline_by_name(connection, name)
    if current is None:
        return None
    if current.version.can_run and current.version.digest == digest:
        return current
    (newest,) = versions.list_versions(connection, current.id, limit=1)
    is_coming = newest.status is PipelineStatus.PENDING and newest.version.held_back is None
    return newest if is_coming and newest.version.digest == digest else None


def add_version(connection: Connection, pipeline: Pipeline) -> Recorded:
    """Record the version that a pipeline has: its first one, or one more of the pipeline so named.

    Nothing is recorded if it would run what the current version does.
    """
    present = rows.pipeline_by_name(connection, pipeline.name)
    if present is None:
        rows.add_pipeline(connection, pipeline)
        return Recorded(pipeline, is_new=True)
    if pipeline.description is not None:
        versions.describe(connection, present.id, pipeline.description)
    same = unchanged(connection, pipeline.name, pipeline.version.digest)
    if same is not None:
        if same.version.number == present.version.number:
            why = f"Version {same.version.number} was deployed again while this one was built."
            versions.hold_back_pending(connection, present.id, why)
        return Recorded(same, is_new=False)
    (newest,) = versions.list_versions(connection, present.id, limit=1)
    version = replace(pipeline.version, number=newest.version.number + 1)
    rows.add_version(connection, present.id, version)
    return Recorded(replace(present, version=version), is_new=True)


def end_build(
    connection: Connection,
    pipeline: Pipeline,
    *,
    environment: str | None,
    failure: str | None,
    at: datetime,
    worker_id: str,
) -> Ended:
    """Record how a build ended; a version that is ready becomes current in the same transaction.

    It does not if something newer is current, or if it would break a deployment or a caller. A
    version made from a Dockerfile does not, forced or not, if a deployment made since cannot have
    it.
    """
    version_id = pipeline.version.id
    if not rows.end_build(connection, version_id, environment=environment, failure=failure):
        return Ended(is_recorded=False)
    number = pipeline.version.number
    present = rows.pipeline_by_id(connection, pipeline.id)
    built = rows.pipeline_by_id(connection, pipeline.id, number)
    if failure is not None or present is None or built is None:
        return Ended(is_recorded=True)
    if present.version.number == number:
        return Ended(is_recorded=True, has_moved=True)
    why = built.version.held_back or _unfit(connection, present, built.version)
    if why is None and not built.version.is_forced:
        # What was there when it was recorded has been compared then.
        since = least_id(built.version.created_at)
        breaks = breaks_of(connection, present, built.version, since=since)
        if breaks:
            why = compatibility.text_of(pipeline.name, number, breaks)
    if why is not None:
        versions.hold_back(connection, version_id, why)
        return Ended(is_recorded=True, held_back=why)
    older = f"Version {number}, which is newer, is current."
    versions.hold_back_pending(connection, pipeline.id, older, below=number)
    return Ended(True, True, None, _move(connection, pipeline.id, number, at, worker_id))


def roll_back(
    connection: Connection,
    name: str,
    number: int | None,
    at: datetime,
    worker_id: str,
    *,
    is_forced: bool,
) -> tuple[Pipeline, Fired]:
    """Have another version be current; without a number, the one before.

    Versions that are being built do not become current any more: whoever goes back does not want
    to be carried forward.

    Raises:
        NotFound: There is no such pipeline or version.
        Conflict: The version cannot run.
        BreakingChange: It would break deployments or callers, and is not forced.
    """
    present, target = _rollback(connection, name, number)
    number = target.version.number
    why = f"The pipeline was rolled back to version {number} while this one was built."
    versions.hold_back_pending(connection, present.id, why)
    if number == present.version.number:
        return present, Fired()
    if not is_forced:
        compatibility.refuse(name, number, breaks_of(connection, present, target.version))
    fired = _move(connection, present.id, number, at, worker_id)
    return version_of(connection, present, number), fired


def rollback_target(
    connection: Connection, name: str, number: int | None
) -> tuple[Pipeline, list[Deployment]]:
    """Return what :func:`roll_back` would make current, and the deployments that would follow."""
    _, target = _rollback(connection, name, number)
    return target, deployments.following(connection, target.id)


def _rollback(connection: Connection, name: str, number: int | None) -> tuple[Pipeline, Pipeline]:
    """Return a pipeline with its current version, and with that to go back to."""
    present = rows.pipeline_by_name(connection, name)
    if present is None:
        raise no_pipeline(name)
    if number is None:
        number = versions.number_before(connection, present.id, present.version.number)
        if number is None:
            raise Conflict(
                f"Pipeline {name!r} has nothing to go back to: no version before "
                f"{present.version.number} was current and is kept."
            )
    return present, version_to_run(connection, present, number)


def version_to_run(connection: Connection, pipeline: Pipeline, number: int) -> Pipeline:
    """Return a pipeline with a version of it that can run.

    Raises:
        NotFound: There is no such version.
        Conflict: It is being built, could not be, or is kept no longer.
    """
    return checked_to_run(version_of(connection, pipeline, number))


def checked_to_run(found: Pipeline) -> Pipeline:
    """Return a pipeline whose version can run.

    Raises:
        Conflict: It is being built, could not be, or is kept no longer.
    """
    which = f"Version {found.version.number} of pipeline {found.name!r}"
    if found.status is PipelineStatus.PENDING:
        raise Conflict(f"{which} is still being built: wait until it is ready.")
    if found.status is PipelineStatus.FAILED:
        raise Conflict(f"{which} could not be built ({found.version.failure}): choose another one.")
    if found.version.discarded_at is not None:
        raise Conflict(
            f"{which} is kept no longer: its folder and its environment were removed on "
            f"{found.version.discarded_at:%Y-%m-%d}. Choose another one, or deploy its code again."
        )
    return found


def version_of(connection: Connection, pipeline: Pipeline, number: int) -> Pipeline:
    """Return a pipeline with a version of it, whatever became of that.

    Raises:
        NotFound: There is no such version.
    """
    found = rows.pipeline_by_id(connection, pipeline.id, number)
    if found is None:
        newest = versions.list_versions(connection, pipeline.id, limit=1)
        most = newest[0].version.number if newest else 0
        raise NotFound(
            f"Pipeline {pipeline.name!r} has no version {number}; its versions are 1 to {most}."
        )
    return found


def breaks_of(
    connection: Connection, current: Pipeline, version: PipelineVersion, *, since: str = ""
) -> list[Break]:
    """Return what a version would break if it became the current one.

    Args:
        connection: A connection.
        current: The pipeline with its current version.
        version: The version to come.
        since: What sorts before the id of the first call to compare.
    """
    if compatibility.has_same_signature(current.version, version):
        return []
    following = deployments.following(connection, current.id)
    return [
        found
        for deployment in following
        for found in breaks_of_deployment(
            connection, deployment, with_version(deployment, version), since=since
        )
    ]


def breaks_of_deployment(
    connection: Connection, before: Deployment, after: Deployment, *, since: str = ""
) -> list[Break]:
    """Return what a deployment loses if it becomes another one, whose version differs."""
    found = compatibility.broken_mapping(before, after)
    changed = compatibility.changed_inputs(before, after)
    if changed:
        most = compatibility.MAX_CALLS
        calls = executions.latest_inputs(connection, before.id, limit=most, since=since)
        found += compatibility.broken_calls(before.name, changed, calls)
    return found


def no_pipeline(name: str) -> NotFound:
    """Return the error for a name that no pipeline has."""
    return NotFound(f"There is no pipeline {name!r}.")


def _unfit(connection: Connection, current: Pipeline, version: PipelineVersion) -> str | None:
    """Return why deployments cannot have a version, or None; see :func:`refuse_version`."""
    try:
        refuse_version(version, deployments.following(connection, current.id))
    except InvalidRequest as error:
        return error.message
    return None


def _move(
    connection: Connection, pipeline_id: str, number: int, at: datetime, worker_id: str
) -> Fired:
    """Make a version current; what is due by then is recorded with the version before."""
    fired = Fired()
    for deployment in deployments.following(connection, pipeline_id):
        if deployment.schedule is not None:
            fired += settle_schedule(connection, deployment.id, at, worker_id)
    versions.make_current(connection, pipeline_id, number)
    return fired
