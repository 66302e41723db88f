"""One request and its answer: what every handler is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from headrace.bundles.port import Bundles
from headrace.control.activities import Activities
from headrace.control.deployments import Deployments
from headrace.control.endpoint_cache import Endpoint
from headrace.control.executions import Executions
from headrace.control.lookups import Lookups
from headrace.control.metrics import Metrics
from headrace.control.nodes import Nodes
from headrace.control.pipeline_templates import PipelineTemplates
from headrace.control.pipelines import Pipelines
from headrace.control.projects import Projects
from headrace.control.repositories import Repositories
from headrace.control.reruns import Reruns
from headrace.control.resources import Resources
from headrace.control.sessions import Sessions
from headrace.control.sign_in import SignIn
from headrace.control.standby import Standby
from headrace.control.steps import Steps
from headrace.control.tokens import Tokens
from headrace.control.users import Users
from headrace.control.variables import Variables
from headrace.control.versions import Versions
from headrace.control.warm import Pods, WarmCalls
from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.pods import PodSetState
from headrace.core.proxies import Proxies
from headrace.core.scopes import Scope
from headrace.core.steps import is_hidden
from headrace.keeping.clock_watch import ClockWatch
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.web.ending import Ending
from headrace.web.forms import read_body
from headrace.web.health_checks import HealthChecks
from headrace.wire.answers import Answer, render
from headrace.wire.codec import decode_object
from headrace.wire.eras.versions import (
    CLIENT_HEADER,
    WAITS_FOR_OBJECTS_SINCE,
    Version,
    client_version,
    is_public_client,
)
from headrace.wire.forms import short
from headrace.wire.route import Route

MAX_JSON_BYTES = 1_000_000

_TRUE = {"true", "t", "1"}
_FALSE = {"false", "f", "0"}


@dataclass(frozen=True, slots=True)
class Services:
    """The verbs and the readable places of a server.

    Attributes:
        environment_id: Id of this environment.
        started_at: When this server was started, UTC.
        ending: Says when it is about to end.
        public_url: Root URL under which callers reach this server.
        uploads: Folder for files while a request is read.
        progress: Folder for how far work has come that goes on after its request.
        max_folder_bytes: Most content of a pipeline's folder.
        max_contract_folder_bytes: The same for the public client.
        max_upload_bytes: Greatest size of one uploaded file.
        max_text_bytes: Greatest size of the text of a request that brings values.
        link_key: Key that signs URLs.
        proxies: The reverse proxies that are trusted.
        vector_database: URL and token of the vector database, or None.
    """

    lookups: Lookups
    activities: Activities
    tokens: Tokens
    sessions: Sessions
    sign_in: SignIn
    users: Users
    projects: Projects
    repositories: Repositories
    variables: Variables
    pipelines: Pipelines
    pipeline_templates: PipelineTemplates
    steps: Steps
    versions: Versions
    standby: Standby
    executions: Executions
    reruns: Reruns
    deployments: Deployments
    metrics: Metrics
    resources: Resources
    nodes: Nodes
    pods: Pods
    warm_calls: WarmCalls
    clock: ClockWatch
    health: HealthChecks
    artifacts: ObjectStore
    data_store: ObjectStore
    bundles: Bundles
    logs: LogFiles
    environment_id: str
    started_at: datetime
    ending: Ending
    public_url: str
    uploads: Path
    progress: Path
    max_folder_bytes: int
    max_contract_folder_bytes: int
    max_upload_bytes: int
    max_text_bytes: int
    link_key: bytes
    proxies: Proxies = field(default_factory=Proxies)
    vector_database: tuple[str, str] | None = field(default=None, repr=False)

    def pods_of(self, deployment: Deployment) -> PodSetState | None:
        """Return the visible state of a deployment's pods; None if its executions need none.

        While the server takes no work, no deployment is up.
        """
        if deployment.low_latency is None and self.standby.standing.takes_work:
            return None
        return self.pods.state(deployment.id)


@dataclass(slots=True)
class Exchange:
    """A request that its caller may make, being answered.

    Attributes:
        request: The HTTP request.
        services: The verbs and places that handlers work with.
        route: The route that is asked.
        scope: The caller, with the caller's rights.
        called: The endpoint, on routes that need an endpoint's token; else None.
    """

    request: Request
    services: Services
    route: Route
    scope: Scope
    called: Endpoint | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that is called.

        Raises:
            LookupError: The route needs no token of an endpoint.
        """
        if self.called is None:
            raise LookupError("only routes that need an endpoint's token have one")
        return self.called

    @property
    def client(self) -> Version:
        """The version of the public client that asks, or the current one."""
        return client_version(self.request.headers.get(CLIENT_HEADER))

    @property
    def waits_for_creations(self) -> bool:
        """Whether the answer to a creation had best be the finished object: others are slow."""
        return self.client < WAITS_FOR_OBJECTS_SINCE

    @property
    def max_folder_bytes(self) -> int:
        """Most content of a pipeline's folder that this caller may send."""
        services = self.services
        if not is_public_client(self.request.headers.get(CLIENT_HEADER)):
            return services.max_folder_bytes
        return min(services.max_folder_bytes, services.max_contract_folder_bytes)

    def name(self, key: str = "name") -> str:
        """Return a placeholder of the path.

        Raises:
            NotFound: It is a name that only this server uses.
        """
        name = str(self.request.path_params[key])
        if is_hidden(name):
            raise NotFound(f"There is nothing of the name {name!r}.")
        return name

    async def json_object(self) -> dict[str, Any]:
        """Return the body, a JSON object; an empty body is ``{}``.

        Raises:
            InvalidRequest: It is none.
            TooLarge: It is longer than :data:`MAX_JSON_BYTES`.
        """
        body = await read_body(self.request, MAX_JSON_BYTES, "The body", " of JSON")
        return decode_object(body, "the body")

    def flag(self, *names: str) -> bool:
        """Return a boolean of the query, by any of its names; absent means False.

        Raises:
            InvalidRequest: It is neither true nor false.
        """
        for name in names:
            text = self.request.query_params.get(name)
            if text is None:
                continue
            if text.lower() in _TRUE:
                return True
            if text.lower() not in _FALSE:
                raise InvalidRequest(f"{name} must be true or false, not {short(text)}.")
        return False

    def integer(self, name: str, default: int, *, at_least: int, at_most: int) -> int:
        """Return an integer of the query.

        Raises:
            InvalidRequest: It is none, or out of bounds.
        """
        text = self.request.query_params.get(name)
        return default if text is None else bounded(text, name, at_least=at_least, at_most=at_most)


Handler = Callable[[Exchange], Awaitable[Answer | Response]]


def rendered(answer: Answer | Response) -> Response:
    """Return an answer as Starlette sends it; files, pages and streams are that already."""
    if isinstance(answer, Response):
        return answer
    status, headers, body = render(answer)
    response = Response(None, status)
    response.body, response.raw_headers = body, list(headers)
    return response


def bounded(value: Any, name: str, *, at_least: int, at_most: int) -> int:
    """Return an integer that a caller gave, as a number or as text.

    Raises:
        InvalidRequest: It is none, or out of bounds.
    """
    try:
        number = int(value) if not isinstance(value, bool | float) else None
    except (TypeError, ValueError):
        number = None
    if number is None or not at_least <= number <= at_most:
        raise InvalidRequest(
            f"{name} must be an integer from {at_least} to {at_most}, not {short(str(value))}."
        )
    return number
