"""Each route once: what the server serves and the client calls."""

from __future__ import annotations

from headrace.core.rights import Right
from headrace.wire.object_routes import OBJECT_ROUTES
from headrace.wire.route import Open, Route

HEALTH = Route("GET", "/health", "Check whether the server answers", Open.NOTHING)
HEALTH_DETAILS = Route("GET", "/health/details", "Show how each part is", Right.LOOK)
ENVIRONMENT_INFO = Route("GET", "/environment-info", "Name the environment", Open.NOTHING)
CLOCK = Route("GET", "/clock", "Show whether things are deleted for their age", Right.LOOK)
CONFIRM_CLOCK = Route(
    "POST", "/clock/confirm", "Say that the machine's clock is right", Right.PROJECT
)
ENVIRONMENT_SUMMARY = Route(
    "GET", "/environment-summary", "Show the status of the environment", Right.LOOK
)
OVERVIEW = Route("GET", "/activity", "Show what runs, what failed and what comes", Right.LOOK)
CALLS_OVER_TIME = Route("GET", "/activity/calls", "Show calls over time", Right.LOOK)
CHANGE_ENVIRONMENT = Route(
    "PATCH", "/environments/{environment_id}", "Pause or resume the environment", Right.PROJECT
)
VECTOR_DATABASE = Route(
    "GET",
    "/environments/{environment_id}/vector-database",
    "Tell where the vector database is, and its token",
    Right.READ_VARIABLES,
)
TEMPLATES = Route("GET", "/pipeline-templates", "List templates of pipelines", Right.LOOK)
TEMPLATE = Route("GET", "/pipeline-templates/{name}", "Show a template", Right.LOOK)
REFRESH = Route("POST", "/auth/refresh", "Exchange an SDK token for an access token", Open.NOTHING)
ME = Route("GET", "/users/me", "Show the caller's user", Right.LOOK)
USER = Route("GET", "/users/{user_id}", "Show a user", Right.LOOK)
USERS = Route("GET", "/users", "List users", Right.USERS)
CREATE_USER = Route("POST", "/users", "Create a user", Right.USERS)
REMOVE_USER = Route("DELETE", "/users/{name}", "Remove a user", Right.USERS)
SET_PASSWORD = Route("PUT", "/users/{name}/password", "Set a user's password", Right.USERS)

TOKENS = Route("GET", "/tokens", "List SDK tokens", Right.TOKENS)
CREATE_TOKEN = Route("POST", "/tokens", "Create an SDK token", Right.TOKENS)
REVOKE_TOKEN = Route("DELETE", "/tokens/{name}", "Revoke an SDK token", Right.TOKENS)

PROJECT = Route("GET", "/project-information", "Show the project's settings", Right.LOOK)
UPDATE_PROJECT = Route(
    "PATCH", "/project-information", "Change the project's settings", Right.PROJECT
)

VARIABLES = Route(
    "GET", "/environment-variables", "List environment variables", Right.READ_VARIABLES
)
SET_VARIABLES = Route(
    "PUT", "/environment-variables", "Create or update environment variables", Right.VARIABLES
)
# As clients up to 0.38.2 do it.
SET_VARIABLE = Route(
    "PUT",
    "/environment-variables/{name}",
    "Create or update one environment variable",
    Right.VARIABLES,
)
DELETE_VARIABLE = Route(
    "DELETE", "/environment-variables/{name}", "Delete an environment variable", Right.VARIABLES
)

PIPELINES = Route("GET", "/pipelines", "List pipelines", Right.LOOK)
CREATE_PIPELINE = Route(
    "POST", "/pipelines", "Create a pipeline", Right.PIPELINES, begins_work=True
)
PIPELINE = Route(
    "GET", "/pipelines/{name}", "Show a pipeline, or wait until it is built", Right.LOOK
)
DELETE_PIPELINE = Route("DELETE", "/pipelines/{name}", "Delete a pipeline", Right.PIPELINES)
DOWNLOAD_PIPELINE = Route(
    "GET", "/pipelines/{name}/download", "Get a URL of the pipeline's folder", Right.LOOK
)
SIGNED_BUNDLE = Route(
    "GET", "/signed/bundles/{digest}", "Download the folder of a signed URL", Open.SIGNATURE
)
PIPELINE_LOGS = Route(
    "POST", "/pipelines/{name}/logs", "Get the log of a pipeline's build", Right.LOOK
)
PIPELINE_LOG_LINES = Route(
    "GET", "/pipelines/{name}/log-lines", "Follow the log of a build", Right.LOOK
)
VERSIONS = Route(
    "GET", "/pipelines/{name}/versions", "List a pipeline's versions, page by page", Right.LOOK
)
VERSION = Route(
    "GET",
    "/pipelines/{name}/versions/{number}",
    "Show a version, or wait until it is built; its number may be current",
    Right.LOOK,
)
DOWNLOAD_VERSION = Route(
    "GET",
    "/pipelines/{name}/versions/{number}/download",
    "Get a URL of the version's folder",
    Right.LOOK,
)
VERSION_LOGS = Route(
    "POST",
    "/pipelines/{name}/versions/{number}/logs",
    "Get the log of a version's build",
    Right.LOOK,
)
VERSION_LOG_LINES = Route(
    "GET",
    "/pipelines/{name}/versions/{number}/log-lines",
    "Follow the log of a version's build",
    Right.LOOK,
)
CHECK_VERSION = Route(
    "POST",
    "/pipelines/{name}/versions/check",
    "Say what a version with these inputs and outputs would break",
    Right.LOOK,
)
ROLL_BACK_PIPELINE = Route(
    "POST", "/pipelines/{name}/rollback", "Go back to another version", Right.PIPELINES
)
RUN_PIPELINE = Route("POST", "/pipelines/{name}/run", "Run a pipeline", Right.RUN, begins_work=True)
PIPELINE_EXECUTIONS = Route(
    "GET", "/pipelines/{name}/executions", "List a pipeline's executions", Right.LOOK
)
LATEST_EXECUTION = Route(
    "GET", "/pipelines/{name}/executions/latest", "Show a pipeline's latest execution", Right.LOOK
)

STEPS = Route("GET", "/steps", "List steps", Right.LOOK)
CREATE_STEP = Route("POST", "/steps", "Create a step", Right.PIPELINES, begins_work=True)
STEP = Route("GET", "/steps/{name}", "Show a step, or wait until it is built", Right.LOOK)
UPDATE_STEP = Route(
    "PUT", "/steps/{name}", "Give a step other code", Right.PIPELINES, begins_work=True
)
DELETE_STEP = Route("DELETE", "/steps/{name}", "Delete a step", Right.PIPELINES)
DOWNLOAD_STEP = Route("GET", "/steps/{name}/download", "Get a URL of its folder", Right.LOOK)
STEP_LOGS = Route("POST", "/steps/{name}/logs", "Get the log of a step's build", Right.LOOK)

DEPLOYMENTS = Route("GET", "/deployments", "List deployments", Right.LOOK)
CREATE_ENDPOINT = Route("POST", "/endpoints", "Create an endpoint", Right.DEPLOYMENTS)
CREATE_PERIODIC = Route(
    "POST", "/periodic-deployment", "Create a periodic deployment", Right.DEPLOYMENTS
)
CHECK_ENDPOINT = Route("POST", "/endpoints/check", "Check a new endpoint", Right.DEPLOYMENTS)
CHECK_PERIODIC = Route("POST", "/periodic-deployment/check", "Check a new job", Right.DEPLOYMENTS)
DEPLOYMENT = Route(
    "GET", "/deployments/{name}", "Show a deployment, or wait until it is up", Right.LOOK
)
UPDATE_DEPLOYMENT = Route("PATCH", "/deployments/{name}", "Change a deployment", Right.DEPLOYMENTS)
CHECK_UPDATE = Route("POST", "/deployments/{name}/check", "Check a change", Right.DEPLOYMENTS)
DELETE_DEPLOYMENT = Route("DELETE", "/deployments/{name}", "Delete a deployment", Right.DEPLOYMENTS)
LATEST_DEPLOYMENT_EXECUTION = Route(
    "GET",
    "/deployments/{name}/executions/latest",
    "Show a deployment's latest execution",
    Right.LOOK,
)
TRIGGER_DEPLOYMENT = Route(
    "POST", "/deployments/{name}/executions", "Call a deployment", Right.RUN, begins_work=True
)
DEPLOYMENT_LOGS = Route(
    "POST", "/deployments/{name}/logs", "Get the log of a deployment", Right.LOOK
)
DEPLOYMENT_LOG_LINES = Route(
    "GET", "/deployments/{name}/log-lines", "Follow the log of a deployment", Right.LOOK
)
FIRE_TIMES = Route(
    "GET", "/deployments/{name}/fire-times", "List the next fire times of a deployment", Right.LOOK
)
LEDGER = Route(
    "GET", "/deployments/{name}/ledger", "Show what became of fire times, page by page", Right.LOOK
)
VERIFY_LEDGER = Route(
    "GET", "/ledger/verification", "Prove that no fire time is missing or doubled", Right.LOOK
)
RENEW_ENDPOINT_TOKEN = Route(
    "POST",
    "/endpoints/{name}/generate-new-token",
    "Give an endpoint another token",
    Right.ENDPOINT_TOKENS,
)

EXECUTIONS = Route("GET", "/executions", "List executions, page by page", Right.LOOK)
COUNT_EXECUTIONS = Route("GET", "/executions/counts", "Count executions by status", Right.LOOK)
COMPARE_EXECUTIONS = Route("GET", "/executions/comparison", "Compare executions", Right.LOOK)
EXECUTION = Route("GET", "/executions/{execution_id}", "Show an execution", Right.LOOK)
DELETE_EXECUTION = Route(
    "DELETE", "/executions/{execution_id}", "Delete an execution", Right.EXECUTIONS
)
CANCEL_EXECUTION = Route(
    "POST", "/executions/{execution_id}/cancel", "Cancel an execution", Right.EXECUTIONS
)
RERUN = Route(
    "POST",
    "/executions/{execution_id}/rerun",
    "Run an execution again",
    Right.RUN,
    begins_work=True,
)
PLAN_RERUNS = Route(
    "POST", "/executions/rerun-plan", "Say what would become of reruns, and start none", Right.RUN
)
EXECUTION_OUTPUTS = Route(
    "GET", "/executions/{execution_id}/outputs", "Get the outputs, or wait for them", Right.LOOK
)
EXECUTION_OUTPUT = Route(
    "GET", "/executions/{execution_id}/outputs/{name}", "Get one output", Right.LOOK
)
EXECUTION_INPUT = Route(
    "GET", "/executions/{execution_id}/inputs/{name}", "Get one input", Right.LOOK
)
EXECUTION_LOGS = Route(
    "POST", "/executions/{execution_id}/logs", "Get the log of an execution", Right.LOOK
)
# The same, as clients up to 0.46.2 ask for it.
EXECUTION_LOGS_OF_PIPELINE = Route(
    "POST",
    "/pipelines/{name}/executions/{execution_id}/logs",
    "Get the log of an execution",
    Right.LOOK,
)
SEARCH_LOG = Route("GET", "/executions/{execution_id}/log-search", "Search a log", Right.LOOK)
EXECUTION_LOG_LINES = Route(
    "GET", "/executions/{execution_id}/log-lines", "Follow the log of an execution", Right.LOOK
)

RECORD_METRIC = Route(
    "PUT", "/metrics/single-value/{name:path}", "Record a metric of an execution", Right.METRICS
)
RECORD_LIST_METRIC = Route(
    "POST",
    "/metrics/list-values/{name:path}",
    "Add values to a list metric of an execution",
    Right.METRICS,
)
METRICS = Route("GET", "/metrics/single-value", "List metrics, page by page", Right.LOOK)
LIST_METRICS = Route("GET", "/metrics/list-values", "List list metrics, page by page", Right.LOOK)

RESOURCE_METRICS = Route(
    "GET", "/resource-metrics", "Show what machines and executions used", Right.LOOK
)
NODES = Route("GET", "/nodes", "List the nodes of the cluster", Right.LOOK)


def _of_endpoint(
    method: str,
    path: str,
    summary: str,
    needs: Open = Open.ENDPOINT_TOKEN,
    *,
    begins_work: bool = False,
) -> Route:
    """Return a route below the server's root, without the prefix."""
    return Route(method, path, summary, needs, root="", begins_work=begins_work)


ENDPOINT = _of_endpoint("POST", "/endpoints/{path}", "Call an endpoint", begins_work=True)
ENDPOINT_V1 = _of_endpoint(
    "POST", "/endpoints/v1/{path}", "Call an endpoint, outputs wrapped", begins_work=True
)
ENDPOINT_RESULTS = _of_endpoint(
    "GET", "/endpoints/{path}/executions/{execution_id}", "Get a call's outputs"
)
ENDPOINT_RESULTS_V1 = _of_endpoint(
    "GET", "/endpoints/v1/{path}/executions/{execution_id}", "Get them wrapped"
)
ENDPOINT_FILE_V1 = _of_endpoint(
    "GET",
    "/endpoints/v1/{path}/executions/{execution_id}/outputs/{name}",
    "Get the file of a call's output",
)
ENDPOINT_OPENAPI = _of_endpoint("GET", "/endpoints/{path}/openapi.json", "Describe an endpoint")
ENDPOINT_DOCS = _of_endpoint(
    "GET", "/endpoints/{path}/docs", "Try an endpoint in a browser", Open.NOTHING
)
API_DOCUMENT = _of_endpoint("GET", "/openapi.json", "Describe the API", Open.NOTHING)
FRONT = Route("GET", "/", "Show the console, or who answers", Open.NOTHING, root="", is_page=True)

ROUTES: tuple[Route, ...] = (
    *(value for value in vars().copy().values() if isinstance(value, Route)),
    *OBJECT_ROUTES,
)
