"""Pipelines: make one, or another version of one, from a function."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.client.creation import Fields, creation_fields, explicit, local_folder
from headrace.client.git import Commit, commit_of
from headrace.client.messages import FilePart, Form, Json, Reading, Request
from headrace.client.parts import Object
from headrace.client.pipelines import PipelineCalls
from headrace.client.versions import VersionCalls
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.names import check_name
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    MAX_FOLDER_BYTES,
    MAX_MESSAGE,
    WARNING,
    PipelineStatus,
    check_folder_path,
)
from headrace.wire import routes
from headrace.wire.route import Route

if TYPE_CHECKING:
    from headrace.client.selection import Selection


class PipelineCreation(PipelineCalls, VersionCalls):
    """Makes pipelines and versions of them."""

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
        step_name: str | None = None,
        pipeline_template_name: str | None = None,
        replace: bool = False,
        force: bool = False,
        message: str | None = None,
        calling: str = "platform",
        on_selected: Callable[[Selection], None] | None = None,
    ) -> Object:
        """Create a pipeline from a function, or another version of it.

        Of a local folder, what ``.gitignore`` and ``.headraceignore`` files name stays where it
        is, and so do virtual environments and what tools keep for themselves.

        Once its environment is there, the code is imported. If it cannot be imported and only
        other code can mend that, the creation fails; otherwise, and if a ``requirements.txt`` of
        the folder is not named, there is a warning.

        With ``replace``, a pipeline that exists gets another version, which its deployments have
        once it is ready; until then, and if its build fails, they have the one before. If nothing
        has changed, nothing is made. If the folder is a clean checkout of a commit of git, the
        version shows which.

        Args:
            pipeline_name: Its name.
            function_path: File of the function, relative to the folder.
            function_name: The function in that file.
            description: Free text.
            container_config: Where the code is and what it needs: ``local_folder``, ``language``,
                ``requirements_path``, ``included_folders``, ``system_dependencies``,
                ``repository_url``, ``repository_branch``. What is not given is the project's
                setting; with ``dockerfile_path``, an image is built and its command runs, without
                a function; see :class:`~headrace.CREATION_PARAMETER_VALUE`.
            inputs: Declared inputs, each a parameter of the function.
            outputs: Declared outputs, each a key of the dict that the function returns.
            wait_for_completion: Return when its environment is built, not before.
            timeout_s: Seconds to wait at most; None for no limit.
            step_name: The step that it is made of; nothing else but the name is given then.
            pipeline_template_name: The pipeline template that it is made of; nothing else of the
                code is given then. See :meth:`list_pipeline_templates`.
            replace: Make a version of the pipeline of that name, if there is one.
            force: Make it the current one even if that breaks deployments or callers.
            message: What to remember of this version; by default that of the commit.
            calling: ``platform``: the function gets values and returns a dict of outputs.
                ``typed``: both are converted by its type hints.
            on_selected: Called with what travels of the local folder, before it is sent.

        Returns:
            The pipeline, as :meth:`get_pipeline`. ``creation_info`` has its ``version``, and
            ``is_new`` says whether it was made now.

        Raises:
            InvalidRequest: Something of it cannot be used; nothing was created.
            AlreadyExists: The name is taken, and ``replace`` is False.
            BreakingChange: The version would break deployments or callers; ``details["breaks"]``
                has each of them.
            PipelineCreationFailed: The build failed.
            Conflict: The version is ready, but something newer is current.
            WaitTimeout: ``timeout_s`` is over; the build goes on.
        """
        code = (function_path, function_name, description, container_config, inputs, outputs)
        made_of = _one_of(step_name, pipeline_template_name, any(code) or calling != "platform")
        if step_name is not None:
            return self._create_of_step(pipeline_name, step_name)
        if made_of is not None:
            versioning = {"replace": replace, "force": force, "message": message}
            created = self._create_by_name(
                pipeline_name, {"pipeline_template_name": made_of, **versioning}
            )
            return self._followed(pipeline_name, created, wait_for_completion, timeout_s)
        config = explicit(container_config)
        folder = local_folder(config)
        fields = creation_fields(
            pipeline_name=pipeline_name,
            function_path=function_path,
            function_name=function_name,
            description=description,
            config=config,
            inputs=inputs or (),
            outputs=outputs or (),
        )
        commit = None if folder is None else commit_of(folder)
        fields += version_fields(commit, replace, force, message, calling)
        if folder is None:
            created = self._transport.call(routes.CREATE_PIPELINE, Request(body=Form(fields)))
        else:
            created = self._send_folder(fields, config, folder, function_path, on_selected)
        return self._followed(pipeline_name, created, wait_for_completion, timeout_s)

    def _followed(
        self,
        pipeline_name: str,
        created: Object,
        wait_for_completion: bool,
        timeout_s: float | None,
    ) -> Object:
        """Return a pipeline that was created, once it is built if that is waited for."""
        info: Object = created["creation_info"]
        version, is_new = int(info.get("version", 1)), bool(info.get("is_new", True))
        if not is_new and info["status"] == PipelineStatus.READY:
            self._say(f"Pipeline {pipeline_name}: unchanged, version {version} is current.")
        else:
            self._say(f"Pipeline {pipeline_name}: version {version}, building its environment.")
        if wait_for_completion and version > 1:
            self._current_version(pipeline_name, version, timeout_s)
        pipeline = self.get_pipeline(pipeline_name, wait_for_completion, timeout_s)
        if pipeline["creation_info"].get("version", version) != version:
            # It is still being built, and what is shown of a pipeline is its current version.
            pipeline["parameters"] = created["parameters"]
            pipeline["creation_info"] |= {key: info[key] for key in _OF_VERSION}
        pipeline["creation_info"] |= {"version": version, "is_new": is_new}
        if wait_for_completion and is_new:
            self._say(f"Pipeline {pipeline_name}: ready.")
            for text in self._warnings_of(pipeline_name, version):
                warnings.warn(f"Pipeline {pipeline_name}: {text}", stacklevel=3)
        return pipeline

    def _create_by_name(self, name: str, fields: Mapping[str, Any]) -> Object:
        body = Json({"pipeline_name": check_name(name, "pipeline_name"), **fields})
        created: Object = self._transport.call(routes.CREATE_PIPELINE, Request(body=body))
        return created

    def _create_of_step(self, name: str, step_name: str) -> Object:
        self._create_by_name(name, {"step_names": [step_name]})
        self._say(f"Pipeline {name}: made of the step {step_name}.")
        return self.get_pipeline(name)

    def _send_folder(
        self,
        fields: Fields,
        config: Mapping[str, Any],
        folder: Path,
        function_path: str | None,
        on_selected: Callable[[Selection], None] | None,
        route: Route = routes.CREATE_PIPELINE,
    ) -> Object:
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
        self._say(f"Sending {selection.extent}.")
        if on_selected is not None:
            on_selected(selection)
        with pack(selection) as archive:
            form = Form(fields, (FilePart("step_file", "step_file", Reading(archive)),))
            created: Object = self._transport.call(route, Request(body=form))
        return created

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
        dockerfile = config.get("dockerfile_path")
        if dockerfile:
            # The image says itself what is installed, whatever the project's pipelines need.
            return [*(folders or []), check_folder_path(dockerfile, "dockerfile_path")]
        requirements = config.get("requirements_path", project.get("requirements_path"))
        # A lock of uv is read with its project.
        is_lock = requirements and str(requirements).rpartition("/")[2] == "uv.lock"
        project_file = f"{str(requirements)[: -len('uv.lock')]}pyproject.toml" if is_lock else None
        entries = [*(folders or []), requirements, project_file, function_path]
        return [entry for entry in entries if entry]

    def _warnings_of(self, name: str, version: int) -> list[str]:
        """Return what the log of a build says that its author should read."""
        with suppress(NotFound):  # deleted meanwhile
            lines = [str(line["message"]) for line in self.get_pipeline_logs(name, version=version)]
            return [line.removeprefix(WARNING) for line in lines if line.startswith(WARNING)]
        return []


_OF_VERSION = ("status", "commit_id", "origin", "failure")
"""What ``creation_info`` of a pipeline says of its version, besides the number."""


def _one_of(step_name: str | None, template_name: str | None, has_code: bool) -> str | None:
    """Return the name of what a pipeline is made of, or None if that is code of its own.

    Raises:
        InvalidRequest: It is to be made of several things.
    """
    named = {"step_name": step_name, "pipeline_template_name": template_name}
    given = [key for key, name in named.items() if name is not None]
    if given and (has_code or len(given) > 1):
        raise InvalidRequest(
            f"{given[0]} says what the pipeline is made of: give its name and nothing else."
        )
    return named[given[0]] if given else None


def version_fields(
    commit: Commit | None, replace: bool, force: bool, message: str | None, calling: str
) -> Fields:
    """Return the fields that only Headrace has; none for what any client could ask for."""
    if commit is not None and message is None:
        message = commit.subject[:MAX_MESSAGE]
    texts = {
        "replace": "true" if replace else None,
        "force": "true" if force else None,
        "message": message,
        "commit_id": None if commit is None else commit.id,
        "calling": calling if calling != "platform" else None,
    }
    return tuple((key, text) for key, text in texts.items() if text)
