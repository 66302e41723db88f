"""Versions of pipelines: list, show, compare, and go back."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.client.messages import Json, Query, Request
from headrace.client.parts import Object, Part
from headrace.core.errors import Conflict, PipelineCreationFailed
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import PipelineStatus
from headrace.wire import routes
from headrace.wire.parameter_bodies import input_body, output_body

PAGE = 1000


class VersionCalls(Part):
    """Versions of pipelines."""

    def list_pipeline_versions(self, pipeline_name: str, limit: int | None = None) -> list[Object]:
        """Return the versions of a pipeline, newest first.

        Each is ``{"version", "status", "is_current", "created_at", "created_by", "message",
        "digest", "bundle", "commit_id", "language", "requirements_digest", "calling",
        "discarded_at", "failure"}``. ``failure`` says why a build failed, or why a version that
        is ready did not become the current one.

        Args:
            pipeline_name: The pipeline.
            limit: At most so many; None for all.

        Raises:
            NotFound: There is no such pipeline.
        """
        found: list[Object] = []
        cursor: str | None = None
        while limit is None or len(found) < limit:
            most = PAGE if limit is None else min(PAGE, limit - len(found))
            query: Query = {"limit": most, "cursor": cursor}
            page = self._transport.call(routes.VERSIONS, Request(query=query), name=pipeline_name)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return found

    def get_pipeline_version(
        self,
        pipeline_name: str,
        version: int | None = None,
        wait_for_completion: bool = False,
        timeout_s: float | None = None,
    ) -> Object:
        """Return a version, with its ``parameters`` and the ``files`` of its folder.

        Args:
            pipeline_name: The pipeline.
            version: Number of the version; None for the current one.
            wait_for_completion: Wait until its environment is built.
            timeout_s: Seconds to wait at most; None for no limit.

        Raises:
            NotFound: There is no such pipeline or version.
            PipelineCreationFailed: It was waited for, and the build failed.
            WaitTimeout: ``timeout_s`` is over; the build goes on.
        """
        number = "current" if version is None else str(version)

        def ask(left: float | None) -> Object | None:
            query: Query = {"wait_for_completion": "true"} if wait_for_completion else {}
            request = Request(query=query, answer_within_s=left if wait_for_completion else None)
            found: Object = self._transport.call(
                routes.VERSION, request, name=pipeline_name, number=number
            )
            is_over = not wait_for_completion or found["status"] != PipelineStatus.PENDING
            return found if is_over else None

        what = f"The build of version {number} of pipeline {pipeline_name!r}"
        found = self._wait(ask, what, timeout_s)
        if wait_for_completion and found["status"] == PipelineStatus.FAILED:
            self._say(f"Pipeline {pipeline_name}: version {found['version']} could not be built.")
            raise PipelineCreationFailed(
                f"The creation of version {found['version']} of pipeline {pipeline_name!r} "
                f"failed: {found['failure'] or 'its log says why'}",
                details={"pipeline_name": pipeline_name, "version": found["version"]},
            )
        return found

    def rollback_pipeline(
        self, pipeline_name: str, version: int | None = None, force: bool = False
    ) -> Object:
        """Make another version the current one, and return it.

        Deployments that follow the pipeline have it at once. Nothing is built.

        Args:
            pipeline_name: The pipeline.
            version: Number of the version; None for the one before the current one.
            force: Go back even if that breaks deployments or callers.

        Raises:
            NotFound: There is no such pipeline or version.
            Conflict: The version cannot run: it is not ready, or it is kept no longer.
            BreakingChange: Deployments or callers would break; ``details["breaks"]`` has them.
        """
        body = {"version": version, "force": force}
        found: Object = self._transport.call(
            routes.ROLL_BACK_PIPELINE, Request(body=Json(body)), name=pipeline_name
        )
        self._say(f"Pipeline {pipeline_name}: version {found['version']} is current.")
        return found

    def check_pipeline_version(
        self,
        pipeline_name: str,
        inputs: Sequence[Input] = (),
        outputs: Sequence[Output] = (),
    ) -> list[Object]:
        """Return what a version with these inputs and outputs would break; nothing is recorded.

        Each is ``{"deployment", "input" or "output", "reason", "execution_id", "value"}``; the last
        two are of a recorded call that shows it, or None.

        Raises:
            NotFound: There is no such pipeline.
        """
        body = {
            "inputs": [input_body(parameter) for parameter in inputs],
            "outputs": [output_body(parameter) for parameter in outputs],
        }
        found: Object = self._transport.call(
            routes.CHECK_VERSION, Request(body=Json(body)), name=pipeline_name
        )
        breaks: list[Object] = found["breaks"]
        return breaks

    def _current_version(self, name: str, number: int, timeout_s: float | None) -> Object:
        """Wait for a version to become the current one, and return it.

        Raises:
            Conflict: It is ready, but did not become current.
        """
        found = self.get_pipeline_version(name, number, True, timeout_s)
        if not found["is_current"] and found["failure"]:
            raise Conflict(
                f"Version {number} of pipeline {name!r} is ready, but is not the current one: "
                f"{found['failure']} To make it current, go to it by rollback_pipeline.",
                details={"pipeline_name": name, "version": number},
            )
        return found
