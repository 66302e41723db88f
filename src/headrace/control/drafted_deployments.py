"""Deployments made of drafts, checked as far as that can be without recording anything."""

from __future__ import annotations

from headrace.control.attaching import Attaching
from headrace.control.executions import Executions
from headrace.control.transactions.versions import version_to_run
from headrace.core.clock import now
from headrace.core.deployment_drafts import DeploymentDraft, check_probe
from headrace.core.deployments import (
    Deployment,
    Mode,
    check_endpoint_files,
    check_endpoint_token,
    check_url_path,
    mint_endpoint_token,
)
from headrace.core.mappings import map_parameters
from headrace.core.names import check_name, new_id
from headrace.core.schedule_requests import read_schedule
from headrace.core.scopes import Scope
from headrace.core.sources import Rule
from headrace.store.database import Reader


class DraftedDeployments:
    """Makes deployments of drafts; nothing is recorded.

    Args:
        database: The records of pipelines.
        executions: Finds pipelines that can run.
        attaching: Checks attached files.
    """

    def __init__(self, database: Reader, executions: Executions, attaching: Attaching) -> None:
        self._database = database
        self._executions = executions
        self._attaching = attaching

    async def made(self, scope: Scope, draft: DeploymentDraft) -> tuple[Deployment, str | None]:
        """Return a new deployment with its token, if it is an endpoint.

        Raises:
            NotFound: There is no such pipeline, or no such version.
            Conflict: The pipeline, or the version, cannot run.
            InvalidRequest: Of the kind that says what is wrong.
        """
        check_name(draft.name, "the deployment's name")
        is_endpoint = draft.rule is Rule.ENDPOINT
        url_path = check_url_path(draft.url_path or draft.name) if is_endpoint else None
        token = _token(draft) if is_endpoint else None
        schedule = None if is_endpoint else read_schedule(draft.schedule)
        pipeline = await self._executions.ready_pipeline(scope, draft.pipeline_name)
        if draft.pinned_version is not None:
            pipeline = await self._database.read(version_to_run, pipeline, draft.pinned_version)
        inputs, outputs = map_parameters(
            draft.rule,
            (pipeline.inputs, pipeline.outputs),
            draft.inputs_mapping,
            draft.outputs_mapping,
        )
        check_endpoint_files(inputs, outputs)
        attachments = await self._attaching.check_draft(pipeline.version, draft)
        at = now()
        deployment = Deployment(
            id=new_id(),
            name=draft.name,
            pipeline=pipeline,
            rule=draft.rule,
            mode=Mode.ELASTIC if draft.low_latency is None else Mode.LOW_LATENCY,
            description=draft.description,
            sources=tuple((item.parameter.name, item.source) for item in inputs),
            destinations=tuple((item.parameter.name, item.destination) for item in outputs),
            is_enabled=draft.is_enabled,
            created_at=at,
            created_by=scope.user.id,
            updated_at=at,
            updated_by=scope.user.id,
            url_path=url_path,
            timeout_s=draft.timeout_s,
            retries=draft.retries,
            schedule=schedule,
            next_fire_at=None if schedule is None else schedule.cron.next_after(at),
            low_latency=draft.low_latency,
            pinned_version=draft.pinned_version,
            probe=draft.probe,
            attachments=attachments,
        )
        check_probe(deployment)
        return deployment, token


def _token(draft: DeploymentDraft) -> str:
    return mint_endpoint_token() if draft.token is None else check_endpoint_token(draft.token)
