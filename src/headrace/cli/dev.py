"""``headrace dev``: the endpoint of a function on this machine, deployed again at each change."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.deployments import Destinations, Sources
from headrace.cli.local_calls import say_news
from headrace.cli.local_deploys import (
    LocalDeploy,
    check_function,
    endpoint_spec,
    local_job,
    without_endpoint,
)
from headrace.cli.own_servers import (
    EnvFile,
    Folder,
    Variables,
    apply_variables,
    own_server,
    place_named,
    wanted_variables,
)
from headrace.cli.parameters import FUNCTION_SYNTAX
from headrace.cli.session import Session, session
from headrace.cli.usage import usage
from headrace.client.deploying.deployed import curl_line
from headrace.core.errors import HeadraceError
from headrace.core.names import check_name
from headrace.local.development import Answering, Development
from headrace.local.env_file import USUAL_NAME
from headrace.local.own_server import refusal

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def dev(
    context: typer.Context,
    function: Annotated[str, typer.Argument(metavar=FUNCTION_SYNTAX, help="What it calls.")],
    folder: Folder = Path(),
    name: Annotated[
        str | None, typer.Option(help="Name of the endpoint; that of the function unless given.")
    ] = None,
    inputs: Sources = None,
    outputs: Destinations = None,
    low_latency: Annotated[
        bool, typer.Option("--low-latency", help="Keep the code imported between calls.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on; the one of the last time unless given."
        ),
    ] = None,
    env: Variables = None,
    env_file: EnvFile = None,
) -> None:
    """Serve the endpoint of a function on this machine, and deploy it again at each change.

    No server is needed: one is started for the folder, and ends with this command. Calls are
    recorded, checked and limited as on any server; what they print is shown here. While new code
    cannot be imported, the last version that could goes on answering. Ctrl-C ends it.
    """
    current = session(context)
    place = place_named(folder)
    wanted = _Wanted(function, place.folder, name, inputs, outputs, low_latency, env, env_file)
    wanted.check()
    with _interrupted_by(ENDING_SIGNALS), own_server(place, port=port, is_kept=True) as server:
        if server is None:
            raise refusal(place.running(), place.folder)
        try:
            with current.screen.activity("Starting a server"):
                server.wait_until_up()
            current.url, current.token = server.url, server.token
            _develop(current, wanted, server.check)
        except KeyboardInterrupt:
            current.screen.note("\nEnded.")


@dataclass(frozen=True)
class _Wanted:
    """What the command was asked for."""

    function: str
    folder: Path
    name: str | None
    inputs: list[str] | None
    outputs: list[str] | None
    low_latency: bool
    env: list[str] | None
    env_file: Path | None

    @property
    def endpoint(self) -> str:
        return self.name or self.function.rpartition(":")[2]

    @property
    def variables(self) -> dict[str, str]:
        return wanted_variables(self.env, self.env_file, self.folder)

    def check(self) -> None:
        """Check what no change of a file can mend."""
        check_function(self.function, self.folder)
        with usage("--name"):
            check_name(self.endpoint, "it")
        _ = self.variables


def _develop(current: Session, wanted: _Wanted, check: Callable[[], None]) -> None:
    """Deploy the function again and again, until the process is interrupted."""
    endpoint = wanted.endpoint
    local_deploy = LocalDeploy(
        current,
        local_job(
            wanted.function,
            wanted.folder,
            endpoint_spec(
                endpoint,
                wanted.inputs,
                wanted.outputs,
                low_latency=wanted.low_latency,
                token=without_endpoint(current, endpoint),
            ),
        ),
        is_development=True,
    )

    def deploy() -> Answering:
        apply_variables(current, wanted.variables)
        deployed = local_deploy()
        return Answering(deployed.version, deployed.is_new)

    def say_failure(error: HeadraceError) -> None:
        local_deploy.say_traceback()
        current.screen.error(error)

    development = Development(
        current.sdk,
        deploy,
        wanted.folder,
        [wanted.env_file or wanted.folder / USUAL_NAME],
        lambda text: current.screen.say(text, None),
        lambda news: say_news(current.screen, news),
        say_failure,
    )
    development.run(check, lambda: _announce(current, endpoint))


def _announce(current: Session, endpoint: str) -> None:
    """Print where the function answers, and a command that calls it."""
    found = current.sdk.get_deployment(endpoint)
    url, token = found["endpoint_url"], found["endpoint_token"]
    pairs = [("url", url), ("page", f"{url}/docs"), ("call", curl_line(found, token))]
    current.screen.fields(pairs, found)
    current.screen.say("Files are watched. Ctrl-C ends it.\n", None)


@contextmanager
def _interrupted_by(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Have signals end the command as Ctrl-C does."""
    before = {one: signal.signal(one, signal.default_int_handler) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
