"""``headrace dev``: the endpoint of a function on this machine, deployed again at each change."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from headrace.cli.deploy_jobs import Job, Spec
from headrace.cli.deployments import Destinations, Sources
from headrace.cli.local_calls import say_news
from headrace.cli.local_deploys import LocalDeploy, found_job, without_endpoint
from headrace.cli.manifest import FILE_NAME
from headrace.cli.own_servers import (
    EnvFile,
    Folder,
    Variables,
    apply_variables,
    own_server,
    place_named,
    wanted_variables,
)
from headrace.cli.session import Session, session
from headrace.cli.usage import usage
from headrace.client.deploying.deployed import curl_line
from headrace.client.deploying.targets import FUNCTION_SYNTAX
from headrace.client.deploying.wishes import Wish
from headrace.core.deployments import Mode
from headrace.core.errors import HeadraceError
from headrace.core.names import check_name
from headrace.core.sources import Rule
from headrace.local.development import Answering, Development
from headrace.local.env_file import USUAL_NAME
from headrace.local.own_server import refusal

TARGET_HELP = "The function, or a pipeline of headrace.toml; left out: the only one of the file."
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def dev(
    context: typer.Context,
    function: Annotated[
        str | None, typer.Argument(metavar=FUNCTION_SYNTAX, help=TARGET_HELP)
    ] = None,
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
    job = wanted.check()
    with _interrupted_by(ENDING_SIGNALS), own_server(place, port=port, is_kept=True) as server:
        if server is None:
            raise refusal(place.running(), place.folder)
        try:
            with current.screen.activity("Starting a server"):
                server.wait_until_up()
            current.url, current.token = server.url, server.token
            _develop(current, wanted, job, server.check)
        except KeyboardInterrupt:
            current.screen.note("\nEnded.")


@dataclass(frozen=True)
class _Wanted:
    """What the command was asked for."""

    function: str | None
    folder: Path
    name: str | None
    inputs: list[str] | None
    outputs: list[str] | None
    low_latency: bool
    env: list[str] | None
    env_file: Path | None

    @property
    def variables(self) -> dict[str, str]:
        return wanted_variables(self.env, self.env_file, self.folder)

    @property
    def job(self) -> Job:
        """The function and its one endpoint: what headrace.toml says, and the options."""
        found = found_job(self.function, self.folder)
        endpoints = [spec for spec in found.specs if spec.wish.rule is Rule.ENDPOINT]
        spec = endpoints[0] if endpoints else Spec(Wish(found.order.name or "", Rule.ENDPOINT))
        wish = replace(spec.wish, name=self.name or spec.wish.name)
        if self.low_latency:
            wish = replace(wish, mode=Mode.LOW_LATENCY)
        if self.inputs:
            spec = replace(spec, inputs=tuple(self.inputs), where=("--input", spec.where[1]))
        if self.outputs:
            spec = replace(spec, outputs=tuple(self.outputs), where=(spec.where[0], "--output"))
        return Job(found.order, (replace(spec, wish=wish),))

    def check(self) -> Job:
        """Check what no change of the code can mend, and return the job."""
        job = self.job
        with usage("--name"):
            check_name(job.specs[0].wish.name, "it")
        _ = self.variables
        return job


class _Endpoint:
    """The endpoint, made anew at the first deployment and when it is wanted in another way."""

    def __init__(self, current: Session, wanted: _Wanted) -> None:
        self.local_deploy = LocalDeploy(current, is_development=True)
        self._current = current
        self._wanted = wanted
        self._spec: Spec | None = None
        self._found: Mapping[str, Any] = {}

    def deploy(self) -> Answering:
        """Deploy the function as its files are now."""
        apply_variables(self._current, self._wanted.variables)
        job = self._wanted.job
        if job.specs[0] == self._spec:
            deployed = self.local_deploy(job)
            return Answering(deployed.version, deployed.is_new)
        # First the code alone: if it cannot be deployed, the endpoint stays as it is.
        deployed = self.local_deploy(Job(job.order))
        self._make_anew(job)
        return Answering(deployed.version, deployed.is_new)

    def _make_anew(self, job: Job) -> None:
        """Delete the endpoint, as an update changes neither mode nor mapping, and make it."""
        (spec,) = job.specs
        token = without_endpoint(self._current, spec.wish.name)
        options = {**spec.wish.options, **({"endpoint_token": token} if token else {})}
        made = replace(spec, wish=replace(spec.wish, options=options))
        self._found = self.local_deploy(Job(job.order, (made,))).deployment or {}
        self._spec = spec

    def announce(self) -> None:
        """Print where the function answers, and a command that calls it."""
        url, token = self._found["endpoint_url"], self._found["endpoint_token"]
        pairs = [("url", url), ("page", f"{url}/docs"), ("call", curl_line(self._found, token))]
        self._current.screen.fields(pairs, None)
        self._current.screen.say("Files are watched. Ctrl-C ends it.\n", None)


def _develop(current: Session, wanted: _Wanted, job: Job, check: Callable[[], None]) -> None:
    """Deploy the function again and again, until the process is interrupted."""
    endpoint = _Endpoint(current, wanted)

    def say_failure(error: HeadraceError) -> None:
        endpoint.local_deploy.say_traceback()
        current.screen.error(error)

    others = [wanted.env_file or wanted.folder / USUAL_NAME, wanted.folder / FILE_NAME]
    development = Development(
        current.sdk,
        endpoint.deploy,
        job.order.folder or wanted.folder,
        others,
        lambda text: current.screen.say(text, None),
        lambda news: say_news(current.screen, news),
        say_failure,
    )
    development.run(check, endpoint.announce)


@contextmanager
def _interrupted_by(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Have signals end the command as Ctrl-C does, but for those that nohup has it ignore."""
    heard = [one for one in signals if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, signal.default_int_handler) for one in heard}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
