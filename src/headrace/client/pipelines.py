"""Pipelines: create, show, list, delete, and the folder and log of one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.client.creation import Fields, creation_fields, explicit, local_folder
from headrace.client.local_files import size_text
from headrace.client.messages import FilePart, Form, Json, Reading, Request
from headrace.client.parts import Object, Part, log_period
from headrace.core.errors import InvalidRequest, NotFound, PipelineCreationFailed
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import MAX_FOLDER_BYTES, WARNING, PipelineStatus
from headrace.wire import routes

if TYPE_CHECKING:
    from headrace.client.selection import Selection


class PipelineCalls(Part):
    """Pipelines."""

    def create_pipeline(
        self,
        pipeline_name: str,
        function_path: str | None = None,
        function_name: str | None = None,
        description: str | None = None,
        container_config: Mapping[str, Any] | None = None,
        inputs: Sequence[Input] | None = None,
        outputs: Sequence[Output] | None = None,
        wait_for_completion: bool = True,
        timeout_s: float | None = None,
        *,
        on_selected: Callable[[Selection], None] | None = None,
    ) -> Object:
        """Create a pipeline from a function.

        Of a local folder, what ``.gitignore`` and ``.headraceignore`` files name stays where it
        is, and so do virtual environments and what tools keep for themselves.

        Once its environment is there, the code is imported. If it cannot be imported and only
        other code can mend that, the creation fails; otherwise, and if a ``requirements.txt`` of
        the folder is not named, there is a warning.

        Args:
            pipeline_name: Its name.
            function_path: File of the function, relative to the folder.
            function_name: The function in that file.
            description: Free text.
            container_config: Where the code is and what it needs: ``local_folder``, ``language``,
                ``requirements_path``, ``included_folders``, ``system_dependencies``,
                ``repository_url``, ``repository_branch``. What is not given is the project's
                setting; see :class:`~headrace.CREATION_PARAMETER_VALUE`.
            inputs: Declared inputs, each a parameter of the function.
            outputs: Declared outputs, each a key of the dict that the function returns.
            wait_for_completion: Return when its environment is built, not before.
            timeout_s: Seconds to wait at most; None for no limit.
            on_selected: Called with what travels of the local folder, before it is sent.

        Returns:
            The pipeline, as :meth:`get_pipeline`.

        Raises:
            InvalidRequest: Something of it cannot be used; nothing was created.
            AlreadyExists: The name is taken.
            PipelineCreationFailed: The build failed.
            WaitTimeout: ``timeout_s`` is over; the build goes on.
        """
        config = explicit(container_config)
        fields = creation_fields(
            pipeline_name=pipeline_name,
            function_path=function_path,
            function_name=function_name,
            description=description,
            config=config,
            inputs=inputs or (),
            outputs=outputs or (),
        )
        folder = local_folder(config)
        if folder is None:
            self._transport.call(routes.CREATE_PIPELINE, Request(body=Form(fields)))
        else:
            self._send_folder(fields, config, folder, function_path, on_selected)
        self._say(f"Pipeline {pipeline_name}: created, building its environment.")
        pipeline = self.get_pipeline(pipeline_name, wait_for_completion, timeout_s)
        if wait_for_completion:
            self._say(f"Pipeline {pipeline_name}: ready.")
            for text in self._warnings_of(pipeline_name):
                warnings.warn(f"Pipeline {pipeline_name}: {text}", stacklevel=2)
        return pipeline

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
        self, pipeline_name: str, folder: str | os.PathLike[str]
    ) -> None:
        """Save the folder that a pipeline was made from, as ``<folder>/<pipeline_name>.tgz``.

        Args:
            pipeline_name: The pipeline, made from a local folder.
            folder: An existing folder on this machine.

        Raises:
            NotFound: There is no such pipeline.
            InvalidRequest: ``folder`` is no folder, or the pipeline comes from a repository.
        """
        target = Path(folder)
        if not target.is_dir():
            raise InvalidRequest(f"folder {str(folder)!r} is not a folder.")
        signed = self._transport.call(routes.DOWNLOAD_PIPELINE, name=pipeline_name)
        with (target / f"{pipeline_name}.tgz").open("wb") as file:
            self._transport.download_signed(signed["signed_url"], file)

    def get_pipeline_logs(
        self,
        pipeline_name: str,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
        limit: int | None = None,
    ) -> list[Object]:
        """Return the log of a pipeline's build: ``[{"timestamp", "message", "stream"}]``.

        Args:
            pipeline_name: The pipeline.
            from_datetime: Lines from this time on.
            to_datetime: Lines before this time.
            limit: At most so many lines.

        Raises:
            NotFound: There is no such pipeline.
        """
        body = log_period(from_datetime, to_datetime, limit)
        lines: list[Object] = self._transport.call(
            routes.PIPELINE_LOGS, Request(body=Json(body)), name=pipeline_name
        )
        return lines

    def _send_folder(
        self,
        fields: Fields,
        config: Mapping[str, Any],
        folder: Path,
        function_path: str | None,
        on_selected: Callable[[Selection], None] | None,
    ) -> None:
        # Only who makes a pipeline of a folder pays for the import of what reads ignore files.
        from headrace.client.bundles import (  # noqa: PLC0415 - see above
            check_function_file,
            check_size,
            pack,
        )
        from headrace.client.selection import select  # noqa: PLC0415 - see above

        if function_path and folder.is_dir():
            check_function_file(folder, function_path)
        selection = select(folder, self._included(config, function_path))
        check_size(selection, self._folder_limit)
        self._say(f"Sending {len(selection.files)} files, {size_text(selection.size)}.")
        if on_selected is not None:
            on_selected(selection)
        with pack(selection) as archive:
            form = Form(fields, (FilePart("step_file", "step_file", Reading(archive)),))
            self._transport.call(routes.CREATE_PIPELINE, Request(body=form))

    def _folder_limit(self) -> int:
        info: Object = self._transport.call(routes.ENVIRONMENT_INFO)
        return int(info.get("max_folder_bytes") or MAX_FOLDER_BYTES)

    def _included(self, config: Mapping[str, Any], function_path: str | None) -> list[str]:
        """Return what travels of a local folder, the project's settings filling the gaps."""
        project: Object = {}
        if not {"included_folders", "requirements_path"} <= set(config):
            project = self._transport.call(routes.PROJECT)
        # An empty list cannot be told from none on the wire, so it falls back as well.
        folders = config.get("included_folders")
        if "included_folders" not in config or folders == []:
            folders = project.get("included_folders")
        requirements = config.get("requirements_path", project.get("requirements_path"))
        entries = [*(folders or []), requirements, function_path]
        return [entry for entry in entries if entry]

    def _warnings_of(self, name: str) -> list[str]:
        """Return what the log of a build says that its author should read."""
        with suppress(NotFound):  # deleted meanwhile
            lines = [str(line["message"]) for line in self.get_pipeline_logs(name)]
            return [line.removeprefix(WARNING) for line in lines if line.startswith(WARNING)]
        return []

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
