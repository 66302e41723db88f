"""A version that was planned: sent, followed while it is built, compared with the one before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from headrace.client.deployments import DeploymentCalls
from headrace.client.logs import LogCalls
from headrace.client.messages import FilePart, Form, Reading, Request
from headrace.client.parts import Object
from headrace.client.pipeline_creation import PipelineCreation, version_fields
from headrace.client.projects import ProjectCalls
from headrace.wire import routes

if TYPE_CHECKING:
    from headrace.client.deploying.changes import Changes
    from headrace.client.deploying.plans import Order, Plan


class VersionSending(PipelineCreation, DeploymentCalls, LogCalls, ProjectCalls):
    """The steps of a deployment that speak to the server.

    Attributes:
        base_environment_url: Root of the server.
    """

    base_environment_url: str

    def plan_deploy(self, order: Order, drafts: Path) -> Plan:
        """Return the version that somebody wants; see :meth:`deploy`.

        Args:
            order: What is wanted.
            drafts: An existing folder, for files that are made of code that is in no file.

        Raises:
            InvalidRequest: Of the kind that says what is wrong; nothing was sent.
        """
        from headrace.client.bundles import check_size  # noqa: PLC0415 - as in deploy
        from headrace.client.deploying.plans import plan_of  # noqa: PLC0415 - as in deploy

        plan = plan_of(order, self.get_project_information(), self._pythons, drafts)
        check_size(plan.selection, self._folder_limit)
        return plan

    def _pythons(self) -> list[str]:
        """Return the versions of Python that the server has."""
        summary: Object = self._transport.call(routes.ENVIRONMENT_SUMMARY)
        pythons: list[str] = summary["pythons"]
        return pythons

    def send_version(self, plan: Plan, *, message: str | None, force: bool) -> tuple[int, bool]:
        """Send the version of a plan; return its number, and whether it is new.

        Raises:
            BreakingChange: Deployments or their callers would break, and it is not forced.
            InvalidRequest: Of the kind that says what is wrong; nothing was recorded.
        """
        from headrace.client.bundles import pack  # noqa: PLC0415 - as in deploy
        from headrace.client.creation import creation_fields  # noqa: PLC0415 - as in deploy

        signature, target = plan.signature, plan.target
        fields = creation_fields(
            pipeline_name=plan.name,
            function_path=target.function_path,
            function_name=target.function_name,
            description=signature.description,
            config=plan.config,
            inputs=signature.inputs,
            outputs=signature.outputs,
        )
        fields += version_fields(plan.commit, True, force, message, signature.calling.value)
        with pack(plan.selection) as archive:
            form = Form(fields, (FilePart("step_file", "step_file", Reading(archive)),))
            made = self._transport.call(routes.CREATE_PIPELINE, Request(body=form))
        return int(made["creation_info"]["version"]), bool(made["creation_info"]["is_new"])

    def wait_for_version(self, pipeline_name: str, version: int) -> Object:
        """Return a version once it is built and current.

        Raises:
            PipelineCreationFailed: The build failed; the version before stays.
            Conflict: The version is ready, but did not become current.
        """
        return self._current_version(pipeline_name, version, None)

    def iter_version_logs(self, pipeline_name: str, version: int) -> Iterator[Object]:
        """Yield the log of a version's build line by line, until the build has ended."""
        return self._lines(routes.VERSION_LOG_LINES, True, name=pipeline_name, number=str(version))

    def code_differences(self, plan: Plan, changes: Changes) -> list[str]:
        """Return the lines of the difference of the code; the current version is downloaded."""
        from headrace.client.deploying.differences import contents_of, differences  # noqa: PLC0415

        if changes.is_same_code:
            return []
        gone = (*changes.changed, *changes.removed)
        before: dict[str, bytes] = {}
        if gone:
            signed = self._transport.call(
                routes.DOWNLOAD_VERSION, name=plan.name, number=str(changes.number)
            )
            with TemporaryFile() as archive:
                self._transport.download_signed(signed["signed_url"], archive)
                archive.seek(0)
                before = contents_of(archive, gone)
        paths = sorted((*changes.added, *gone))
        return list(differences(paths, before, plan.selection.files))
