"""The pages of the console: each route once."""

from __future__ import annotations

from headrace.core.rights import Right
from headrace.wire.route import Open, Route


def _page(method: str, path: str, summary: str, needs: Right | Open = Right.LOOK) -> Route:
    return Route(method, path, summary, needs, root="", is_page=True)


ASSET = _page("GET", "/assets/{stamp}/{name}", "Get a style or a script of the pages", Open.NOTHING)
EVENTS = _page("GET", "/events", "Hear when something changed")
HOME = _page("GET", "/", "See what runs, what failed and what comes next")
EXAMPLE = _page("POST", "/example", "Deploy an example", Right.PIPELINES)
SIGN_IN_PAGE = _page("GET", "/sign-in", "See the form to sign in", Open.NOTHING)
SIGN_IN = _page("POST", "/sign-in", "Sign in", Open.NOTHING)
SIGN_OUT = _page("POST", "/sign-out", "Sign out")
SEARCH = _page("GET", "/search", "Find pipelines, deployments and executions")

VARIABLES = _page("GET", "/variables", "See the environment variables", Right.READ_VARIABLES)
SET_VARIABLE = _page("POST", "/variables", "Create or update a variable", Right.VARIABLES)
DELETE_VARIABLE = _page("POST", "/variables/delete", "Delete a variable", Right.VARIABLES)

DATA_STORE = _page("GET", "/data-store", "See the files of the data store", Right.READ_FILES)
DATA_STORE_FILE = _page("GET", "/data-store/file", "See a file", Right.READ_FILES)
DATA_STORE_DOWNLOAD = _page("GET", "/data-store/download", "Download a file", Right.READ_FILES)
DATA_STORE_IMAGE = _page("GET", "/data-store/image", "See a picture", Right.READ_FILES)
DATA_STORE_UPLOAD = _page("POST", "/data-store/upload", "Upload a file", Right.WRITE_FILES)
DATA_STORE_DELETE = _page("POST", "/data-store/delete", "Delete a file", Right.WRITE_FILES)

MONITORING = _page("GET", "/monitoring", "See what machines used")
MONITORING_METRICS = _page("GET", "/monitoring/metrics", "See a metric over time")

SETTINGS = _page("GET", "/settings", "See the project's settings")
CHANGE_PROJECT = _page("POST", "/settings", "Change the project's settings", Right.PROJECT)
TOKENS = _page("GET", "/settings/tokens", "See the SDK tokens", Right.TOKENS)
CREATE_TOKEN = _page("POST", "/settings/tokens", "Create an SDK token", Right.TOKENS)
REVOKE_TOKEN = _page("POST", "/settings/tokens/revoke", "Revoke an SDK token", Right.TOKENS)
USERS = _page("GET", "/settings/users", "See the users", Right.USERS)
CREATE_USER = _page("POST", "/settings/users", "Create a user", Right.USERS)
SET_PASSWORD = _page("POST", "/settings/users/password", "Set a user's password", Right.USERS)
REMOVE_USER = _page("POST", "/settings/users/remove", "Remove a user", Right.USERS)
OWN_PASSWORD = _page("GET", "/settings/password", "See the form of one's password", Right.USERS)
CHANGE_OWN_PASSWORD = _page("POST", "/settings/password", "Change one's password", Right.USERS)
CHANGE_SERVER = _page("POST", "/settings/server", "Pause or resume the server", Right.PROJECT)
SERVER = _page("GET", "/settings/server", "See what the server is, and how it does")

# Not below the deployments, one of which may be named "new".
NEW_DEPLOYMENT = _page("GET", "/new-deployment", "See the form that creates a deployment")
CREATE_DEPLOYMENT = _page(
    "POST", "/new-deployment", "Check or create a deployment", Right.DEPLOYMENTS
)
DEPLOYMENTS = _page("GET", "/deployments", "See the deployments")
DEPLOYMENT = _page("GET", "/deployments/{name}", "See a deployment")
CHANGE_DEPLOYMENT = _page("POST", "/deployments/{name}", "Change a deployment", Right.DEPLOYMENTS)
CHANGE_FORM = _page("GET", "/deployments/{name}/change", "See the form that changes a deployment")
SAVE_CHANGE = _page(
    "POST", "/deployments/{name}/change", "Check or save a deployment's change", Right.DEPLOYMENTS
)
FIRE_TIMES = _page("GET", "/deployments/{name}/fire-times", "See what became of fire times")
RENEW_TOKEN = _page(
    "POST", "/deployments/{name}/token", "Renew an endpoint's token", Right.ENDPOINT_TOKENS
)
DELETE_DEPLOYMENT = _page(
    "POST", "/deployments/{name}/delete", "Delete a deployment", Right.DEPLOYMENTS
)

EXECUTIONS = _page("GET", "/executions", "See the executions")
COMPARE = _page("GET", "/executions/compare", "Compare executions")
CANCEL_PREVIEW = _page("GET", "/executions/cancel", "See which executions would be cancelled")
CANCEL_SEVERAL = _page("POST", "/executions/cancel", "Cancel executions", Right.EXECUTIONS)
REPLAY_PREVIEW = _page("GET", "/executions/replay", "See which executions would run again")
REPLAY = _page("POST", "/executions/replay", "Run executions again", Right.RUN)
AT_ONCE = _page("GET", "/executions/at-once/{id}", "See how far work on executions is")
STOP_AT_ONCE = _page("POST", "/executions/at-once/{id}/stop", "Stop work on executions", Right.LOOK)
EXECUTION = _page("GET", "/executions/{id}", "See an execution")
EXECUTION_LOG = _page("GET", "/executions/{id}/log", "See the whole log of an execution")
LOG_WINDOW = _page("GET", "/executions/{id}/log/window", "See lines of the log of an execution")
LOG_SEARCH = _page("GET", "/executions/{id}/log/search", "Search the log of an execution")
RERUN_FORM = _page("GET", "/executions/{id}/rerun", "See the form to run an execution again")
RERUN = _page("POST", "/executions/{id}/rerun", "Run an execution again", Right.RUN)
CANCEL = _page("POST", "/executions/{id}/cancel", "Cancel an execution", Right.EXECUTIONS)
DELETE = _page("POST", "/executions/{id}/delete", "Delete an execution", Right.EXECUTIONS)
EXECUTION_FILE = _page("GET", "/executions/{id}/{side}/{name}", "See a file of an execution")

PIPELINES = _page("GET", "/pipelines", "See the pipelines")
NEW_PIPELINE = _page("GET", "/pipelines/new", "See where the code of a pipeline may come from")
SEND_CODE = _page("POST", "/pipelines/new", "Send the code of a pipeline", Right.PIPELINES)
JUDGE_FOLDER = _page(
    "POST", "/pipelines/new/left-out", "See what of a folder would not be sent", Right.PIPELINES
)
CREATION_FORM = _page(
    "GET", "/pipelines/new/function", "See the form to create a pipeline", Right.PIPELINES
)
CREATE_PIPELINE = _page(
    "POST", "/pipelines/new/function", "Create a pipeline or a version of it", Right.PIPELINES
)
CREATE_OF_TEMPLATE = _page(
    "POST", "/pipelines/new/template", "Create a pipeline of a template", Right.PIPELINES
)
PIPELINE = _page("GET", "/pipelines/{name}", "See a pipeline")
PIPELINE_VERSIONS = _page("GET", "/pipelines/{name}/versions", "Compare versions of a pipeline")
RUN_FORM = _page("GET", "/pipelines/{name}/run", "See the form to run a pipeline")
RUN = _page("POST", "/pipelines/{name}/run", "Run a pipeline", Right.RUN)
ROLL_BACK = _page(
    "POST", "/pipelines/{name}/rollback", "Make a version the current one", Right.PIPELINES
)
DELETE_PIPELINE = _page("POST", "/pipelines/{name}/delete", "Delete a pipeline", Right.PIPELINES)
