"""Products whose pages are compared: each is started and filled with runs through its own API."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from proof.benchmarks.running import running_server
from proof.benchmarks.serving.flow_runs import PREFECT
from proof.benchmarks.serving.peers import installed, version
from proof.benchmarks.serving.processes import free_port, started, wait_for

from headrace import HeadraceSdk, Input, Output

AT_ONCE = 4
TRIES, BACKOFF_S = 120, 0.5
FAILS_EACH = 50
"""One in so many runs is a failed one."""

SOURCE = f"""\
def work(name, n):
    if n % {FAILS_EACH} == 7:
        raise ValueError("no plan")
    return {{"result": 2 * n}}
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page, and what says that it shows what one came for.

    Attributes:
        url: Its whole URL.
        is_there: An expression of JavaScript.
        rows: What selects the rows of a list.
    """

    url: str
    is_there: str
    rows: str = "none"


@dataclass(frozen=True, slots=True)
class Product:
    """A product that runs and is filled.

    Attributes:
        name: What the tables call it.
        pages: Its pages by the job that they do.
        filled_s: Seconds that it took to write the runs.
        headers: What a browser sends with each request.
    """

    name: str
    pages: Mapping[str, Opened]
    filled_s: float
    headers: Mapping[str, str] = field(default_factory=dict)


LIST, RUN = "list of runs", "a run"
_ROWS = 10
"""A list is there when it shows so many runs, which is less than a page of any of them."""


def name_of(number: int) -> str:
    """Return the name of a run, which its page must show."""
    return f"run-{number:06}"


def _pages(list_url: str, rows: str, run_url: str, shown: str) -> dict[str, Opened]:
    return {
        LIST: Opened(list_url, f"document.querySelectorAll({rows!r}).length >= {_ROWS}", rows),
        RUN: Opened(run_url, f"document.body.textContent.includes({shown!r})"),
    }


class Api:
    """Asks an API, from several threads on connections of their own."""

    def __init__(self, base: str, **headers: str) -> None:
        self._base, self._headers = base, headers
        self._local = threading.local()

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Post JSON and return the answer; a connection that was closed is made anew."""
        for left in reversed(range(TRIES)):
            client = getattr(self._local, "client", None)
            if client is None:
                client = self._local.client = httpx.Client(
                    base_url=self._base, headers=self._headers, trust_env=False, timeout=60
                )
            try:
                answer = client.post(path, json=body)
            except httpx.TransportError:
                self._local.client = None
                if not left:
                    raise
                time.sleep(BACKOFF_S)
                continue
            if answer.status_code == 503 and left:
                # Its SQLite is busy.
                time.sleep(BACKOFF_S)
                continue
            if answer.status_code < 300 or "execution_id" in answer.text:
                found: dict[str, Any] = answer.json()
                return found
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text:.300}")
        raise AssertionError("each try returns or raises")


def _fill(count: int, make: Callable[[int], str]) -> tuple[str, float]:
    """Make runs; return the id of the middle one, and the seconds that it took."""
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = list(pool.map(make, range(count)))
    return ids[count // 2], time.perf_counter() - began


@contextmanager
def headrace(count: int) -> Iterator[Product]:
    """Run Headrace, with calls of one endpoint."""
    with running_server() as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(SOURCE)
        with HeadraceSdk(server.token, server.url, verbose_log=False) as sdk:
            sdk.create_pipeline(
                "work",
                "main.py",
                "work",
                container_config={"local_folder": folder},
                inputs=[Input("name", "string"), Input("n", "number")],
                outputs=[Output("result", "number")],
            )
            made = sdk.create_deployment("work", "work", "endpoint", mode="low_latency")
        api = Api("", Authorization=f"EndpointToken {made['endpoint_token']}")

        def call(number: int) -> str:
            body = {"name": name_of(number), "n": number}
            answer = api.post(made["endpoint_url"], body)
            # Of a call that failed it is among the details of the error.
            return str(answer.get("additional_data", answer)["execution_id"])

        one, took_s = _fill(count, call)
        access = httpx.post(
            f"{server.url}/api/v1/auth/refresh",
            json={"refresh_token": server.token},
            trust_env=False,
        ).json()["access_token"]
        yield Product(
            "Headrace",
            _pages(
                f"{server.url}/executions",
                'tbody a[href^="/executions/"]',
                f"{server.url}/executions/{one}",
                name_of(count // 2),
            ),
            took_s,
            {"authorization": f"Bearer {access}"},
        )


@contextmanager
def prefect(count: int) -> Iterator[Product]:
    """Run Prefect's server, with runs of one flow that have ended."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch:
        log = Path(scratch, "log")
        environ = {**PREFECT, "HOME": scratch, "PREFECT_SERVER_UI_API_URL": f"{url}/api"}
        command = [installed("prefect") / "prefect", "server", "start", "--port", port]
        command += ["--host", "127.0.0.1"]
        with started(command, Path(scratch), environ, log) as process:
            wait_for(lambda: _answers(f"{url}/api/health"), process, log)
            api = Api(f"{url}/api")
            flow = api.post("/flows/", {"name": "work"})["id"]

            def make(number: int) -> str:
                is_failed = number % FAILS_EACH == 7
                state = {"type": "FAILED", "name": "Failed", "message": "ValueError: no plan"}
                good = {"type": "COMPLETED", "name": "Completed"}
                body = {
                    "flow_id": flow,
                    "name": name_of(number),
                    "parameters": {"n": number},
                    "state": state if is_failed else good,
                }
                return str(api.post("/flow_runs/", body)["id"])

            one, took_s = _fill(count, make)
            pages = _pages(
                f"{url}/runs",
                'a[href*="/runs/flow-run/"]',
                f"{url}/runs/flow-run/{one}",
                name_of(count // 2),
            )
            yield Product(version("prefect"), pages, took_s)


@contextmanager
def mlflow(count: int) -> Iterator[Product]:
    """Run MLflow's server on SQLite, with runs of one experiment: a parameter and a metric each."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch:
        log = Path(scratch, "log")
        environ = {"HOME": scratch, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        command = [installed("mlflow") / "mlflow", "server", "--port", port, "--host", "127.0.0.1"]
        stores = [f"sqlite:///{scratch}/runs.db", "--artifacts-destination", f"{scratch}/files"]
        command += ["--backend-store-uri", *stores]
        with started(command, Path(scratch), environ, log) as process:
            wait_for(lambda: _answers(f"{url}/health"), process, log)
            api = Api(f"{url}/api/2.0/mlflow")
            experiment = api.post("/experiments/create", {"name": "work"})["experiment_id"]

            def make(number: int) -> str:
                at = int(time.time() * 1000)
                new = {"experiment_id": experiment, "run_name": name_of(number), "start_time": at}
                run = api.post("/runs/create", new)["run"]["info"]["run_id"]
                values = {
                    "params": [{"key": "n", "value": str(number)}],
                    "metrics": [{"key": "result", "value": 2.0 * number, "timestamp": at}],
                }
                api.post("/runs/log-batch", {"run_id": run, **values})
                status = "FAILED" if number % FAILS_EACH == 7 else "FINISHED"
                api.post("/runs/update", {"run_id": run, "status": status, "end_time": at + 5})
                return str(run)

            one, took_s = _fill(count, make)
            experiment_url = f"{url}/#/experiments/{experiment}/runs"
            pages = _pages(
                experiment_url,
                f'a[href*="/experiments/{experiment}/runs/"]',
                f"{experiment_url}/{one}",
                name_of(count // 2),
            )
            yield Product(version("mlflow"), pages, took_s)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
