"""What is read, and what one transaction does, for executions that repeat others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from sqlalchemy import Connection

from headrace.control.transactions.versions import checked_to_run, version_to_run
from headrace.core.code_choices import CURRENT, ORIGINAL, CodeChoice
from headrace.core.deployments import Deployment
from headrace.core.errors import Conflict, HeadraceError, NotFound
from headrace.core.executions import Execution
from headrace.core.pipelines import Pipeline
from headrace.core.reruns import Target, check_target
from headrace.store import executions as rows
from headrace.store import listings, pipelines
from headrace.store import reruns as links


def target(connection: Connection, execution_id: str, code: CodeChoice) -> Target:
    """Return an execution that can be repeated, with the version that is to run.

    Raises:
        NotFound: There is no such execution, or no such version of its pipeline.
        Conflict: It has not ended, its deployment is gone, or the version cannot run.
    """
    return _Search(connection, [execution_id], code).target(execution_id)


def targets(
    connection: Connection, ids: Sequence[str], code: CodeChoice
) -> list[Target | HeadraceError]:
    """Return for each id what :func:`target` returns or raises, without values of outputs."""
    search = _Search(connection, ids, code)
    found: list[Target | HeadraceError] = []
    for execution_id in ids:
        try:
            found.append(_without_results(search.target(execution_id)))
        except HeadraceError as error:
            found.append(error)
    return found


def link(connection: Connection, execution: Execution, *, once: bool) -> None:
    """Record that an execution repeats another one.

    Raises:
        Conflict: It is the first one only that is wanted, and there was one.
    """
    if execution.rerun_of is None:
        return
    known = links.rerun_of(connection, execution.rerun_of) if once else None
    if known is not None:
        raise Conflict(
            f"Execution {execution.rerun_of} was run again already, as {known}.",
            details={"rerun_id": known},
        )
    links.put_rerun(connection, execution.rerun_of, execution.id)


class _Search:
    """Finds targets; all that they need is read with few queries, however many they are."""

    def __init__(self, connection: Connection, ids: Sequence[str], code: CodeChoice) -> None:
        self._connection = connection
        self._code = code
        self._executions = rows.executions_by_id(connection, ids)
        self._reruns = links.reruns_of(connection, ids)
        of = {found.deployment_id for found in self._executions.values() if found.deployment_id}
        self._deployments = listings.deployments_by_id(connection, sorted(of))
        self._pipelines = {
            (found.pipeline.id, found.pipeline.version.number): found.pipeline
            for found in self._deployments.values()
        }
        self._version = cache(self._version_to_run)

    def target(self, execution_id: str) -> Target:
        execution = self._executions.get(execution_id)
        if execution is None:
            raise NotFound(f"There is no execution {execution_id!r}.")
        deployment = self._deployments.get(execution.deployment_id or "")
        pipeline = self._version(execution.pipeline_id, self._number(execution, deployment))
        known = self._reruns.get(execution_id)
        attachments = deployment.attachments if deployment else ()
        if self._code == ORIGINAL:
            attachments = execution.attachments
        found = Target(execution, pipeline, deployment, known, attachments)
        check_target(found)
        return found

    def _version_to_run(self, pipeline_id: str, number: int | None) -> Pipeline:
        known = None if number is None else self._pipelines.get((pipeline_id, number))
        if known is not None:
            return checked_to_run(known)
        pipeline = pipelines.pipeline_by_id(self._connection, pipeline_id)
        if pipeline is None:
            raise NotFound("The pipeline was deleted in the meantime.")
        return version_to_run(self._connection, pipeline, number or pipeline.version.number)

    def _number(self, execution: Execution, deployment: Deployment | None) -> int | None:
        """Return the number of the version that is to run; None for the pipeline's current one."""
        if self._code == ORIGINAL:
            return execution.pipeline_version
        if self._code == CURRENT:
            return None if deployment is None else deployment.pipeline.version.number
        return self._code


def _without_results(found: Target) -> Target:
    """Return a target without the values of outputs, of which many are large together."""
    if all(record.value is None for record in found.execution.outputs):
        return found
    outputs = tuple(replace(record, value=None) for record in found.execution.outputs)
    return replace(found, execution=replace(found.execution, outputs=outputs))
