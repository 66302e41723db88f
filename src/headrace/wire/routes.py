"""Each route once: what the server serves and the client calls."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        method: HTTP method.
        path: Path below :data:`PREFIX`, with ``{placeholders}``.
        summary: What it does, for the API's document.
        is_public: Whether it needs no credentials.
    """

    method: str
    path: str
    summary: str
    is_public: bool = False

    def url(self, **names: str) -> str:
        """Return the path with its placeholders filled in, below the server's root."""
        return PREFIX + self.path.format(**names)


HEALTH = Route("GET", "/health", "Tell whether the server answers", is_public=True)
ENVIRONMENT_INFO = Route("GET", "/environment-info", "Name the environment", is_public=True)
REFRESH = Route(
    "POST", "/auth/refresh", "Exchange an SDK token for an access token", is_public=True
)
ME = Route("GET", "/users/me", "Show the caller's user")
USER = Route("GET", "/users/{user_id}", "Show a user")

TOKENS = Route("GET", "/tokens", "List SDK tokens")
CREATE_TOKEN = Route("POST", "/tokens", "Create an SDK token")
REVOKE_TOKEN = Route("DELETE", "/tokens/{name}", "Revoke an SDK token")

PROJECT = Route("GET", "/project-information", "Show the project's settings")
UPDATE_PROJECT = Route("PATCH", "/project-information", "Change the project's settings")

VARIABLES = Route("GET", "/environment-variables", "List environment variables")
SET_VARIABLES = Route("PUT", "/environment-variables", "Create or update environment variables")
DELETE_VARIABLE = Route("DELETE", "/environment-variables/{name}", "Delete an environment variable")

PIPELINES = Route("GET", "/pipelines", "List pipelines")
CREATE_PIPELINE = Route("POST", "/pipelines", "Create a pipeline")
PIPELINE = Route("GET", "/pipelines/{name}", "Show a pipeline, or wait until it is built")
DELETE_PIPELINE = Route("DELETE", "/pipelines/{name}", "Delete a pipeline")
DOWNLOAD_PIPELINE = Route("GET", "/pipelines/{name}/download", "Get a URL of the pipeline's folder")
SIGNED_BUNDLE = Route(
    "GET", "/signed/bundles/{digest}", "Download the folder of a signed URL", is_public=True
)
PIPELINE_LOGS = Route("POST", "/pipelines/{name}/logs", "Get the log of a pipeline's build")
PIPELINE_LOG_LINES = Route("GET", "/pipelines/{name}/log-lines", "Follow the log of a build")
RUN_PIPELINE = Route("POST", "/pipelines/{name}/run", "Run a pipeline")
PIPELINE_EXECUTIONS = Route("GET", "/pipelines/{name}/executions", "List a pipeline's executions")
LATEST_EXECUTION = Route(
    "GET", "/pipelines/{name}/executions/latest", "Show a pipeline's latest execution"
)

EXECUTIONS = Route("GET", "/executions", "List executions, page by page")
EXECUTION = Route("GET", "/executions/{execution_id}", "Show an execution")
DELETE_EXECUTION = Route("DELETE", "/executions/{execution_id}", "Delete an execution")
CANCEL_EXECUTION = Route("POST", "/executions/{execution_id}/cancel", "Cancel an execution")
EXECUTION_OUTPUTS = Route(
    "GET", "/executions/{execution_id}/outputs", "Get the outputs, or wait for them"
)
EXECUTION_OUTPUT = Route("GET", "/executions/{execution_id}/outputs/{name}", "Get one output")
EXECUTION_INPUT = Route("GET", "/executions/{execution_id}/inputs/{name}", "Get one input")
EXECUTION_LOGS = Route("POST", "/executions/{execution_id}/logs", "Get the log of an execution")
EXECUTION_LOG_LINES = Route(
    "GET", "/executions/{execution_id}/log-lines", "Follow the log of an execution"
)

ROUTES: tuple[Route, ...] = tuple(
    value for value in vars().copy().values() if isinstance(value, Route)
)
