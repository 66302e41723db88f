"""Headrace as what is measured: a real server, one pipeline, its endpoints, and their records."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.benchmarks.running import Running, running_server
from proof.benchmarks.serving.targets import Target

from headrace import HeadraceError, HeadraceSdk, Input, Output

SOURCE = """\
def add(number1, number2):
    return {"number3": number1 + number2}
"""
PIPELINE = "add"
SETTLES_IN_S = 120
_UNFINISHED = "SELECT count(*) FROM executions WHERE status IN ('Pending', 'Running')"
_LOST = """\
SELECT count(*) FROM answered LEFT JOIN server.executions AS kept ON kept.id = answered.id
WHERE kept.status IS NOT 'Succeeded' OR kept.inputs NOT LIKE '%9%' OR kept.outputs NOT LIKE '%15%'
"""


@dataclass(frozen=True)
class Mode:
    """One way to deploy the pipeline.

    Attributes:
        name: What the tables call it.
        options: Arguments of ``create_deployment``.
    """

    name: str
    options: dict[str, Any]


MODES = {
    "low-latency": Mode("Headrace, low latency", {"mode": "low_latency"}),
    "low-latency-parallel": Mode(
        "Headrace, low latency, parallel",
        {
            "mode": "low_latency",
            "enable_parallel_executions": True,
            "max_parallel_executions_per_pod": 16,
        },
    ),
    "elastic": Mode("Headrace, elastic", {"mode": "elastic"}),
}


class Refused(Exception):
    """The server refuses a deployment; the message is the server's."""


@dataclass(frozen=True)
class Headrace:
    """A server with the pipeline, for the length of a benchmark."""

    server: Running
    sdk: HeadraceSdk

    def deploy(self, key: str, **more: Any) -> Target:
        """Make an endpoint of the pipeline and return it as a target.

        Raises:
            Refused: The server refuses it, or it does not come up.
        """
        mode = MODES[key]
        try:
            made = self.sdk.create_deployment(
                PIPELINE, key, "endpoint", timeout_s=60, **mode.options, **more
            )
        except HeadraceError as error:
            raise Refused(str(error)) from error
        if made["status"] != "up":
            raise Refused(f"it is {made['status']}")
        target = Target(
            name=mode.name,
            url=made["endpoint_url"],
            expected='"outputs":{"number3":15}',
            pid=self.server.process.pid,
            headers={"Authorization": f"EndpointToken {made['endpoint_token']}"},
        )
        if not target.answers():
            raise Refused("its first call has no right answer")
        return target

    def settle(self) -> None:
        """Wait until no execution is unfinished: a generator leaves calls behind when it ends.

        Raises:
            RuntimeError: Some are unfinished after two minutes.
        """
        deadline = time.monotonic() + SETTLES_IN_S
        with closing(self._connect()) as database:
            while left := database.execute(_UNFINISHED).fetchone()[0]:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{left} executions do not end")
                time.sleep(0.05)

    def lost(self, answered: Path) -> int:
        """Return how many answered calls have no complete record, read past the server.

        ``answered`` holds the executions' ids, one a line. A complete record has Succeeded, with
        the inputs and the output.

        Raises:
            RuntimeError: The API tells the last of them otherwise than it was.
        """
        ids = answered.read_text().split()
        if not ids:
            return 0
        # Asked first: the last calls may be in the server's journal alone until somebody reads.
        told = self.sdk.get_pipeline_execution(ids[-1])
        values = [one["value"] for one in (*told["inputs"], *told["outputs"])]
        if told["status"] != "Succeeded" or values != [9, 6, 15]:
            raise RuntimeError(f"the API tells an answered call as {told}")
        with closing(sqlite3.connect("file::memory:", uri=True)) as own:
            own.execute("ATTACH ? AS server", (self._uri,))
            own.execute("CREATE TABLE answered (id TEXT PRIMARY KEY)")
            own.executemany("INSERT OR IGNORE INTO answered VALUES (?)", ((one,) for one in ids))
            # Two answers with one id are one record too few.
            return len(ids) - len(set(ids)) + int(own.execute(_LOST).fetchone()[0])

    @property
    def _uri(self) -> str:
        return f"file:{self.server.data_dir / 'headrace.db'}?mode=ro"

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True)


@contextmanager
def headrace(**environ: str) -> Iterator[Headrace]:
    """Run a server with the pipeline that adds two numbers; ``environ`` holds more settings."""
    with (
        # Whether a record is there is asked at the end, so retention must not have removed it.
        running_server(HEADRACE_KEEP_EXECUTIONS="off", **environ) as server,
        HeadraceSdk(server.token, server.url) as sdk,
        tempfile.TemporaryDirectory(prefix="headrace-pipeline-") as folder,
    ):
        Path(folder, "add.py").write_text(SOURCE)
        sdk.create_pipeline(
            PIPELINE,
            "add.py",
            "add",
            container_config={"local_folder": folder},
            inputs=[Input("number1", "number"), Input("number2", "number")],
            outputs=[Output("number3", "number")],
        )
        yield Headrace(server, sdk)
