"""Each route once: what the server serves and the client calls."""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "/api/v1"

_REST_OF_PATH = re.compile(r":path}")


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        method: HTTP method.
        path: Path below ``root``, with ``{placeholders}``; a ``{placeholder:path}`` may hold
            slashes.
        summary: What it does, for the API's document.
        is_public: Whether it needs no credentials.
        root: What comes before the path; endpoints are not below :data:`PREFIX`, and check the
            token of their own.
    """

    method: str
    path: str
    summary: str
    is_public: bool = False
    root: str = PREFIX

    def url(self, **names: str) -> str:
        """Return the path with its placeholders filled in, below the server's root."""
        return self.root + _REST_OF_PATH.sub("}", self.path).format(**names)


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

DEPLOYMENTS = Route("GET", "/deployments", "List deployments")
CREATE_ENDPOINT = Route("POST", "/endpoints", "Create an endpoint")
CREATE_PERIODIC = Route("POST", "/periodic-deployment", "Create a periodic deployment")
DEPLOYMENT = Route("GET", "/deployments/{name}", "Show a deployment, or wait until it is up")
UPDATE_DEPLOYMENT = Route("PATCH", "/deployments/{name}", "Change a deployment")
DELETE_DEPLOYMENT = Route("DELETE", "/deployments/{name}", "Delete a deployment")
LATEST_DEPLOYMENT_EXECUTION = Route(
    "GET", "/deployments/{name}/executions/latest", "Show a deployment's latest execution"
)
TRIGGER_DEPLOYMENT = Route("POST", "/deployments/{name}/executions", "Call a deployment")
DEPLOYMENT_LOGS = Route("POST", "/deployments/{name}/logs", "Get the log of a deployment")
DEPLOYMENT_LOG_LINES = Route(
    "GET", "/deployments/{name}/log-lines", "Follow the log of a deployment"
)
FIRE_TIMES = Route(
    "GET", "/deployments/{name}/fire-times", "List the next fire times of a deployment"
)
LEDGER = Route("GET", "/deployments/{name}/ledger", "Show what became of fire times, page by page")
VERIFY_LEDGER = Route(
    "GET", "/ledger/verification", "Prove that no fire time is missing or doubled"
)
RENEW_ENDPOINT_TOKEN = Route(
    "POST", "/endpoints/{name}/generate-new-token", "Give an endpoint another token"
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

OBJECT_INFORMATION = Route("POST", "/data-store/information", "Show a file of the data store")
OBJECTS = Route("GET", "/data-store/list", "List files of the data store, page by page")
UPLOAD_OBJECT = Route("GET", "/data-store/upload", "Get a URL to upload a file to")
DOWNLOAD_OBJECT = Route("POST", "/data-store/download", "Get a URL to download a file from")
DELETE_OBJECT = Route("DELETE", "/data-store/delete", "Delete a file of the data store")
BEGIN_UPLOAD = Route("POST", "/data-store/upload/multipart", "Begin an upload in parts")
UPLOAD_PART = Route("POST", "/data-store/upload/multipart/part", "Get a URL to send a part to")
END_UPLOAD = Route("POST", "/data-store/upload/multipart/end", "Join the parts of an upload")
# The same two, as clients up to 0.46.2 ask for them.
UPLOAD_PART_BY_ID = Route(
    "GET", "/data-store/upload/multipart/{upload_id}", "Get a URL to send a part to"
)
END_UPLOAD_BY_ID = Route(
    "POST", "/data-store/upload/multipart/{upload_id}", "Join the parts of an upload"
)
ABANDON_UPLOAD = Route(
    "DELETE", "/data-store/upload/multipart/{upload_id}", "Forget an upload and its parts"
)
SIGNED_UPLOAD = Route(
    "POST", "/signed/objects/{path:path}", "Upload the file of a signed URL", is_public=True
)
SIGNED_PART = Route(
    "PUT", "/signed/objects/{path:path}", "Upload the part of a signed URL", is_public=True
)
SIGNED_DOWNLOAD = Route(
    "GET", "/signed/objects/{path:path}", "Download the file of a signed URL", is_public=True
)

# Called with an endpoint's own token, below the server's root and without the prefix.
ENDPOINT = Route("POST", "/endpoints/{path}", "Call an endpoint", root="")
ENDPOINT_V1 = Route("POST", "/endpoints/v1/{path}", "Call an endpoint, outputs wrapped", root="")
ENDPOINT_RESULTS = Route(
    "GET", "/endpoints/{path}/executions/{execution_id}", "Get a call's outputs", root=""
)
ENDPOINT_RESULTS_V1 = Route(
    "GET", "/endpoints/v1/{path}/executions/{execution_id}", "Get them wrapped", root=""
)
ENDPOINT_FILE_V1 = Route(
    "GET",
    "/endpoints/v1/{path}/executions/{execution_id}/outputs/{name}",
    "Get the file of a call's output",
    root="",
)
ENDPOINT_OPENAPI = Route("GET", "/endpoints/{path}/openapi.json", "Describe an endpoint", root="")
ENDPOINT_DOCS = Route("GET", "/endpoints/{path}/docs", "Try an endpoint in a browser", root="")

ROUTES: tuple[Route, ...] = tuple(
    value for value in vars().copy().values() if isinstance(value, Route)
)
