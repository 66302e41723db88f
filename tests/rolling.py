"""Pipelines that are deployed again while they are called, and callers who go on."""

from __future__ import annotations

import itertools
import sqlite3
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.conftest import wait_until
from tests.warm import Endpoint, Maker

from headrace import Input, Output

CONNECTIONS = 16

SOURCE = """
import os, time
from pathlib import Path

IMPORTED = time.time()
{prelude}

def fn(n=0, place=None):
    while place and not Path(place).exists():
        time.sleep(0.005)
    if n == -1:
        raise ValueError("not this one")
    return {{"made": {number}, "n": n, "imported": IMPORTED, "pid": os.getpid()}}
"""
INPUTS = [Input("n", "number"), Input("place", "string")]
OUTPUTS = [Output(name, "number") for name in ("made", "n", "imported", "pid")]


class Versions:
    """A pipeline, each of whose versions says in its answers which one it is."""

    def __init__(self, make: Maker, folder: Path) -> None:
        self.make = make
        self.name = f"rolling-{uuid.uuid4().hex[:8]}"
        self._folder = folder / self.name
        self._folder.mkdir(parents=True)
        self._number = 0

    def deploy(
        self,
        source: str = SOURCE,
        inputs: Sequence[Input] = INPUTS,
        outputs: Sequence[Output] = OUTPUTS,
        prelude: str = "",
        **more: Any,
    ) -> int:
        """Deploy another version, which is current when this returns, and return its number."""
        self._number += 1
        text = source.format(number=self._number, prelude=prelude)
        (self._folder / "work.py").write_text(text)
        with warnings.catch_warnings():
            # Of code that cannot be imported, which is what some tests deploy.
            warnings.simplefilter("ignore")
            made = self.make.sdk.create_pipeline(
                self.name,
                "work.py",
                "fn",
                container_config={"local_folder": str(self._folder)},
                inputs=inputs,
                outputs=outputs,
                replace=True,
                **more,
            )
        assert made["creation_info"]["version"] == self._number
        return self._number

    def go_to(self, number: int) -> int:
        """Have a version be current that is there already, and return its number."""
        self.make.sdk.rollback_pipeline(self.name, number)
        return number

    def endpoint(self, **options: Any) -> Endpoint:
        return self.make.endpoint(pipeline=self.name, **options)

    def rollout(self, endpoint: Endpoint) -> Any:
        """Return what is to be seen of the change of an endpoint's pods, None if there is none."""
        return self.make.sdk.get_deployment(endpoint.name)["rollout"]

    def until_up(self, endpoint: Endpoint) -> None:
        """Return when the pods have the version that they should."""
        wait_until(lambda: self.rollout(endpoint) is None, what="pods have the current version")

    def until_failed(self, endpoint: Endpoint) -> Mapping[str, Any]:
        """Return what is said of a change of pods that has failed."""
        wait_until(
            lambda: (self.rollout(endpoint) or {}).get("status") == "failed",
            what="the change fails",
            timeout_s=60,
        )
        found: Mapping[str, Any] = self.rollout(endpoint)
        return found


@dataclass
class Load:
    """Callers who go on, each by one connection, by the short way and by others.

    Attributes:
        answers: Ids of executions and the versions that made them.
        failed: What was not answered so.
        lost: Calls that were lost with their pod or their server, if that is expected.
        pid: The process that made the last answer.
    """

    endpoint: Endpoint
    bears_losses: bool = False
    answers: list[tuple[str, int]] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    lost: int = 0
    pid: int = 0
    is_over: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._work = [self._threads.submit(self._call_on, each) for each in range(CONNECTIONS)]

    def _call_on(self, connection: int) -> None:
        headers = {"Authorization": f"EndpointToken {self.endpoint.token}"}
        with httpx.Client(headers=headers, timeout=60) as http:
            while not self.is_over:
                try:
                    self._call(http, connection, next(self._numbers))
                except httpx.TransportError as error:
                    if not self.bears_losses:
                        self.failed.append(error)
                    self.lost += 1
                    time.sleep(0.05)

    def _call(self, http: httpx.Client, connection: int, number: int) -> None:
        more = {"Prefer": "wait=25"} if connection in {1, 2} else {}
        if connection == 0:
            more = {"Idempotency-Key": str(number)}
        answer = http.post(self.endpoint.url, json={"n": number}, headers=more)
        if answer.status_code != 200:
            self.note_other(answer)
            return
        made, n, self.pid = (answer.json()["outputs"][name] for name in ("made", "n", "pid"))
        if n != number or answer.headers["headrace-version"] != str(made):
            self.failed.append((number, answer.headers, answer.text))
        self.answers.append((answer.json()["execution_id"], made))

    def note_other(self, answer: httpx.Response) -> None:
        """Take note of an answer that is none of a call that succeeded."""
        about = answer.json().get("additional_data") or {}
        if self.bears_losses and (
            about.get("failure") == "worker_lost" or answer.status_code == 503
        ):
            self.lost += 1
            time.sleep(0.05)
        else:
            self.failed.append((answer.status_code, answer.text))

    def until(self, count: int) -> None:
        """Return when there are so many answers more."""
        begin = len(self.answers)
        wait_until(
            lambda: len(self.answers) - begin >= count or self.failed, what="calls are answered"
        )

    def until_made_by(self, version: int, count: int) -> None:
        """Return when so many answers more came from a version."""
        begin = len(self.answers)

        def made() -> int:
            return sum(which == version for _, which in self.answers[begin:])

        wait_until(lambda: made() >= count or self.failed, what=f"version {version} answers")

    def end(self) -> None:
        self.is_over = True
        for work in self._work:
            work.result(60)
        self._threads.shutdown()

    def check(self, database: Path) -> None:
        """Check that no call failed, and that each row says the version that made the answer."""
        assert self.failed == []
        answers = dict(self.answers)
        assert len(answers) == len(self.answers)

        def recorded() -> dict[str, tuple[int, str]]:
            return {
                each: (version, status)
                for each, version, status in rows_of(database)
                if each in answers
            }

        # The journal has them at once, the database soon.
        wait_until(lambda: len(recorded()) == len(answers), what="calls are in the database")
        assert recorded() == {each: (made, "Succeeded") for each, made in answers.items()}


def rows_of(database: Path) -> Iterator[tuple[str, int, str]]:
    """Yield id, version and status of all executions."""
    with closing(sqlite3.connect(database, timeout=60)) as opened:
        yield from opened.execute("SELECT id, pipeline_version, status FROM executions")
