"""Pipelines: show, list, delete, and the folder and log of one."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from headrace.client.messages import Json, Request
from headrace.client.parts import Object, Part, log_period
from headrace.core.errors import InvalidRequest, PipelineCreationFailed
from headrace.core.pipelines import PipelineStatus
from headrace.wire import routes


class PipelineCalls(Part):
    """Pipelines."""

    def get_pipeline(
        self,
        pipeline_name: str,
        wait_for_completion: bool = False,
        timeout_s: float | None = None,
    ) -> Object:
        """Return a pipeline: ``{"parameters": {...}, "creation_info": {...}}``.

        ``creation_info.last_execution_id`` is None while it never ran.

        Args:
            pipeline_name: The pipeline.
            wait_for_completion: Wait until its environment is built.
            timeout_s: Seconds to wait at most; None for no limit.

        Raises:
            NotFound: There is no such pipeline.
            PipelineCreationFailed: It was waited for, and the build failed.
            WaitTimeout: ``timeout_s`` is over; the build goes on.
        """
        pipeline = (
            self._built_pipeline(pipeline_name, timeout_s)
            if wait_for_completion
            else self._transport.call(routes.PIPELINE, name=pipeline_name)
        )
        latest = self._transport.call(routes.LATEST_EXECUTION, name=pipeline_name)
        info = {
            key: value
            for key, value in pipeline["creation_info"].items()
            if key not in {"id", "is_archived"}
        }
        info["last_execution_id"] = latest and latest.get("execution_id")
        return {"parameters": pipeline["parameters"], "creation_info": info}

    def list_pipelines(self) -> list[Object]:
        """Return all pipelines: ``[{"pipeline_name", "created_at", "status"}]``."""
        pipelines: list[Object] = self._transport.call(routes.PIPELINES)
        return pipelines

    def delete_pipeline(
        self, pipeline_name: str, force_deployments_deletion: bool = False
    ) -> Object:
        """Delete a pipeline, its executions and, if forced, its deployments.

        Returns:
            ``{"pipeline": {"name"}, "deployments": [{"name", "execution_rule"}]}``.

        Raises:
            NotFound: There is no such pipeline.
            InUse: It has deployments and ``force_deployments_deletion`` is False.
        """
        query = {"force_deployments_deletion": str(force_deployments_deletion).lower()}
        deleted: Object = self._transport.call(
            routes.DELETE_PIPELINE, Request(query=query), name=pipeline_name
        )
        self._say(f"Pipeline {pipeline_name}: deleted.")
        return deleted

    def download_pipeline_local_folder(
        self,
        pipeline_name: str,
        folder: str | os.PathLike[str],
        *,
        version: int | None = None,
    ) -> None:
        """Save the folder that a pipeline was made from, as ``<folder>/<pipeline_name>.tgz``.

        Args:
            pipeline_name: The pipeline, made from a local folder.
            folder: An existing folder on this machine.
            version: Number of the version; None for the current one.

        Raises:
            NotFound: There is no such pipeline.
            InvalidRequest: ``folder`` is no folder, or the pipeline comes from a repository.
        """
        target = Path(folder)
        if not target.is_dir():
            raise InvalidRequest(f"folder {str(folder)!r} is not a folder.")
        number = "current" if version is None else str(version)
        signed = self._transport.call(routes.DOWNLOAD_VERSION, name=pipeline_name, number=number)
        with (target / f"{pipeline_name}.tgz").open("wb") as file:
            self._transport.download_signed(signed["signed_url"], file)

    def get_pipeline_logs(
        self,
        pipeline_name: str,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
        limit: int | None = None,
        *,
        version: int | None = None,
    ) -> list[Object]:
        """Return the log of a pipeline's build: ``[{"timestamp", "message", "stream"}]``.

        Args:
            pipeline_name: The pipeline.
            from_datetime: Lines from this time on.
            to_datetime: Lines before this time.
            limit: At most so many lines.
            version: Number of the version; None for the current one.

        Raises:
            NotFound: There is no such pipeline or version.
        """
        body = log_period(from_datetime, to_datetime, limit)
        number = "current" if version is None else str(version)
        lines: list[Object] = self._transport.call(
            routes.VERSION_LOGS, Request(body=Json(body)), name=pipeline_name, number=number
        )
        return lines

    def _built_pipeline(self, name: str, timeout_s: float | None) -> Object:
        def ask(left: float | None) -> Object | None:
            request = Request(query={"wait_for_completion": "true"}, answer_within_s=left)
            pipeline: Object = self._transport.call(routes.PIPELINE, request, name=name)
            is_pending = pipeline["creation_info"]["status"] == PipelineStatus.PENDING
            return None if is_pending else pipeline

        pipeline = self._wait(
            ask,
            f"The build of pipeline {name!r}",
            timeout_s,
            then=f"sdk.delete_pipeline({name!r}) stops it, and sdk.get_pipeline({name!r}, "
            "wait_for_completion=True) waits for it.",
        )
        info = pipeline["creation_info"]
        if info["status"] == PipelineStatus.FAILED:
            reason = info.get("failure") or "its log says why"
            self._say(f"Pipeline {name}: creation failed.")
            raise PipelineCreationFailed(
                f"The creation of pipeline {name!r} failed: {reason}",
                details={"pipeline_name": name},
            )
        return pipeline
