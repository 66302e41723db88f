"""Deployments that are there: show, list, delete, and the log of one."""

from __future__ import annotations

from datetime import datetime

from headrace.client.messages import Json, Request
from headrace.client.parts import Object, Part, log_period
from headrace.core.deployments import DeploymentStatus
from headrace.core.errors import DeploymentCreationFailed
from headrace.wire import routes


class DeploymentViews(Part):
    """What there is to see of deployments."""

    def get_deployment(
        self,
        deployment_name: str,
        wait_for_completion: bool = False,
        timeout_s: float | None = None,
    ) -> Object:
        """Return a deployment.

        Args:
            deployment_name: The deployment.
            wait_for_completion: Wait until its creation, or the last change of its pods, has ended.
                One that is disabled, in standby or about to get new pods has been created.
            timeout_s: Seconds to wait at most; None for no limit.

        Returns:
            The deployment. A low-latency one has ``pods`` with their ids and statuses, how many
            calls are ``running`` and ``waiting``, and as ``failure`` why the last start of a pod
            failed, until one succeeds. ``health`` tells how its latest executions ended:
            ``{"state", "recent", "failed", "last_failure"}``; see
            ``docs/guides/executions.md#health-of-a-deployment``.

        Raises:
            NotFound: There is no such deployment.
            DeploymentCreationFailed: It was waited for, and its pods could not be started; the
                message says why, and the log of the deployment what the code had printed.
            WaitTimeout: ``timeout_s`` is over; its creation goes on.
        """

        def ask(left: float | None) -> Object | None:
            query = {"wait_for_completion": str(wait_for_completion).lower()}
            request = Request(query=query, answer_within_s=left if wait_for_completion else None)
            found: Object = self._transport.call(routes.DEPLOYMENT, request, name=deployment_name)
            is_pending = found["status"] == DeploymentStatus.CREATION_PENDING
            is_pending = is_pending or found.get("is_changing", False)
            return None if wait_for_completion and is_pending else found

        found = self._wait(ask, f"Deployment {deployment_name}", timeout_s)
        if wait_for_completion:
            self._check_created(found)
        latest = self._transport.call(routes.LATEST_DEPLOYMENT_EXECUTION, name=deployment_name)
        shown = {key: value for key, value in found.items() if key not in {"id", "is_archived"}}
        shown["pipeline"] = {key: it for key, it in found["pipeline"].items() if key != "id"}
        shown["last_execution_id"] = latest and latest.get("execution_id")
        return shown

    def list_deployments(self) -> list[Object]:
        """Return all deployments, without their mappings and tokens, with their ``health``."""
        found: list[Object] = self._transport.call(routes.DEPLOYMENTS)
        return found

    def delete_deployment(self, deployment_name: str) -> Object:
        """Delete a deployment: ``{"name", "execution_rule"}``; its executions stay.

        Raises:
            NotFound: There is no such deployment.
        """
        deleted: Object = self._transport.call(routes.DELETE_DEPLOYMENT, name=deployment_name)
        self._say(f"Deployment {deployment_name}: deleted.")
        return deleted

    def get_deployment_logs(
        self,
        deployment_name: str,
        from_datetime: datetime | None = None,
        to_datetime: datetime | None = None,
        limit: int | None = None,
    ) -> list[Object]:
        """Return the log of a low-latency deployment; an elastic one has none.

        It holds what its pods say at import and between executions, and what became of each pod.
        What an execution says is in its own log.

        Args:
            deployment_name: The deployment.
            from_datetime: Lines from this time on; one without a zone is in this machine's.
            to_datetime: Lines before this time.
            limit: At most so many, the oldest of them; None for 10,000.

        Returns:
            Lines of ``{"timestamp", "message", "stream", "pod_id", "type"}``, oldest first.

        Raises:
            NotFound: There is no such deployment.
        """
        body = log_period(from_datetime, to_datetime, limit)
        lines: list[Object] = self._transport.call(
            routes.DEPLOYMENT_LOGS, Request(body=Json(body)), name=deployment_name
        )
        return lines

    def _check_created(self, found: Object) -> None:
        """Raise if the pods of a deployment could not be started; say so if old ones go on."""
        name, failure = found["name"], found.get("failure")
        if found["status"] == DeploymentStatus.CREATION_FAILED:
            reason = failure["message"] if failure else "its log says why"
            self._say(f"Deployment {name}: creation failed.")
            raise DeploymentCreationFailed(
                f"The pods of deployment {name!r} could not be started: {reason}",
                details={"deployment_name": name, "failure": failure},
            )
        if failure:
            self._say(f"Deployment {name}: the last pod could not be started: {failure['message']}")
