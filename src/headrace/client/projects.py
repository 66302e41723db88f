"""The project's settings and the environment variables of its executions."""

from __future__ import annotations

from typing import Any

from headrace.client.messages import Json, Request
from headrace.client.parts import Object, Part
from headrace.wire import routes


class ProjectCalls(Part):
    """Settings that all pipelines share."""

    def get_project_information(self) -> Object:
        """Return the settings that pipelines fall back on when their creation gives none.

        Returns:
            ``{"language", "requirements_path", "included_folders", "system_dependencies",
            "repository_url", "repository_branch"}``.
        """
        project: Object = self._transport.call(routes.PROJECT)
        return project

    def update_project_information(self, **settings: Any) -> Object:
        """Change some of the project's settings and return all of them; None unsets one.

        Raises:
            InvalidRequest: There is no such setting, or the value cannot be used.
        """
        project: Object = self._transport.call(routes.UPDATE_PROJECT, Request(body=Json(settings)))
        return project

    def create_or_update_environment_variable(
        self, environment_variable_name: str, environment_variable_value: str | float | bool
    ) -> None:
        """Set an environment variable of all executions; it is kept as text.

        Raises:
            InvalidRequest: The name or the value cannot be used.
        """
        variables = {environment_variable_name: environment_variable_value}
        body = Json({"environment_variables": variables})
        self._transport.call(routes.SET_VARIABLES, Request(body=body))
        self._say(f"Environment variable {environment_variable_name}: set.")

    def list_environment_variables(self) -> list[Object]:
        """Return all environment variables: ``[{"name", "value"}]``."""
        variables: list[Object] = self._transport.call(routes.VARIABLES)
        return variables

    def delete_environment_variable(self, environment_variable_name: str) -> Object:
        """Delete an environment variable and return it: ``{"name", "value"}``.

        Raises:
            NotFound: There is no such variable.
        """
        deleted: Object = self._transport.call(
            routes.DELETE_VARIABLE, name=environment_variable_name
        )
        self._say(f"Environment variable {environment_variable_name}: deleted.")
        return deleted

    def get_vector_database_credentials(self) -> Object:
        """Return ``{"vector_database_url", "vector_database_token"}`` of the environment.

        Raises:
            NotFound: The operator of the server has set none.
        """
        info = self._transport.call(routes.ENVIRONMENT_INFO)
        found: Object = self._transport.call(
            routes.VECTOR_DATABASE, environment_id=info["environment_id"]
        )
        return found
