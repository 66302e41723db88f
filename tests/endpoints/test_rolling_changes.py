"""Deployments with pods whose version changes under load: each answer is of the version it says."""

from __future__ import annotations

import itertools
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, wait_until
from tests.warm import Endpoint, Maker, maker

from headrace import Input, Output

pytestmark = pytest.mark.system

VERSIONS = 12
CONNECTIONS = 16

SOURCE = """
import os, time
from pathlib import Path

""" + "".join(
    f'''
def v{number}(n, place=None):
    """Say which version it is, once a file is there."""
    while place and not Path(place).exists():
        time.sleep(0.005)
    if n == -1:
        raise ValueError("none of these")
    return {{"made": {number}, "n": n}}
'''
    for number in range(1, VERSIONS + 1)
)


class Versions:
    """A pipeline whose versions are there from the start, and which of them is current."""

    def __init__(self, running: RunningServer, make: Maker, folder: Path) -> None:
        self.make = make
        self.database = running.data_dir / "headrace.db"
        self.name = f"rolling-{uuid.uuid4().hex[:8]}"
        code = folder / uuid.uuid4().hex
        code.mkdir()
        (code / "work.py").write_text(SOURCE)
        make.sdk.create_pipeline(
            self.name,
            "work.py",
            "v1",
            container_config={"local_folder": str(code)},
            inputs=[Input("n", "number"), Input("place", "string")],
            outputs=[Output("made", "number"), Output("n", "number")],
        )
        for number in range(2, VERSIONS + 1):
            self._add(number)

    def _add(self, number: int) -> None:
        with self.rows() as rows:
            rows.execute(
                "CREATE TEMP TABLE one AS SELECT v.* FROM pipeline_versions v"
                " JOIN pipelines p ON p.id = v.pipeline_id WHERE p.name = ? AND v.number = 1",
                [self.name],
            )
            changed = [uuid.uuid4().hex, number, f"v{number}"]
            rows.execute("UPDATE one SET id = ?, number = ?, function_name = ?", changed)
            rows.execute("INSERT INTO pipeline_versions SELECT * FROM one")

    def rows(self) -> Any:
        opened = sqlite3.connect(self.database, timeout=60, isolation_level=None)
        opened.row_factory = sqlite3.Row
        return closing(opened)

    def move(self, number: int, endpoint: Endpoint) -> None:
        """Make a version the current one; its pods are on their way when this returns."""
        with self.rows() as rows:
            rows.execute(
                "UPDATE pipelines SET current_version = ? WHERE name = ?", [number, self.name]
            )
        self.make.sdk.update_deployment(endpoint.name, is_enabled=True)

    def check(self, load: Load) -> None:
        """Check that no call failed, and that each row says the version that made the answer."""
        assert load.failed == []
        answers = dict(load.answers)
        assert len(answers) == len(load.answers)

        def recorded() -> dict[str, tuple[int, str]]:
            with self.rows() as rows:
                found = rows.execute("SELECT id, pipeline_version, status FROM executions")
                return {row[0]: (row[1], row[2]) for row in found if row[0] in answers}

        # The journal has them at once, the database soon.
        wait_until(lambda: len(recorded()) == len(answers), what="calls are in the database")
        assert recorded() == {each: (made, "Succeeded") for each, made in answers.items()}


@dataclass
class Load:
    """Callers who go on, each by one connection, by each of the ways to call an endpoint."""

    endpoint: Endpoint
    answers: list[tuple[str, int]] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._threads = ThreadPoolExecutor(CONNECTIONS)
        self._work = [self._threads.submit(self._call, each) for each in range(CONNECTIONS)]

    def _call(self, connection: int) -> None:
        headers = {"Authorization": f"EndpointToken {self.endpoint.token}"}
        with httpx.Client(headers=headers, timeout=60) as http:
            while not self.is_over:
                number = next(self._numbers)
                more = {}
                if connection == 0:
                    more = {"Idempotency-Key": str(number)}
                elif connection <= 3:
                    more = {"Prefer": "wait=25"}
                answer = http.post(self.endpoint.url, json={"n": number}, headers=more)
                if answer.status_code != 200 or answer.json()["outputs"]["n"] != number:
                    self.failed.append((number, answer.status_code, answer.text))
                    continue
                made = answer.json()["outputs"]["made"]
                if answer.headers["headrace-version"] != str(made):
                    self.failed.append((number, made, answer.headers))
                self.answers.append((answer.json()["execution_id"], made))

    def until(self, count: int) -> None:
        wait_until(lambda: len(self.answers) >= count or self.failed, what="calls are answered")

    def until_made_by(self, version: int, count: int) -> None:
        """Return when so many answers came from a version."""
        begin = len(self.answers)
        wait_until(
            lambda: (
                sum(made == version for _, made in self.answers[begin:]) >= count or self.failed
            ),
            what=f"version {version} answers",
        )

    def end(self) -> None:
        self.is_over = True
        for work in self._work:
            work.result(60)
        self._threads.shutdown()


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("rolling")) as made:
        yield made


@pytest.fixture(scope="module")
def versions(
    server: RunningServer, make: Maker, tmp_path_factory: pytest.TempPathFactory
) -> Versions:
    return Versions(server, make, tmp_path_factory.mktemp("versions"))


@pytest.mark.parametrize("options", [{}, {"pods": 2}, {"enable_parallel_executions": True}])
def test_ten_changes_under_load_fail_no_call_and_each_answer_is_of_the_version_it_says(
    make: Maker, versions: Versions, options: dict[str, Any]
) -> None:
    endpoint = make.endpoint(pipeline=versions.name, **options)
    versions.move(1, endpoint)
    load = Load(endpoint)
    try:
        load.until(100)
        changes = range(2, 12) if not options else (2, 1, 3)
        for number in changes:
            versions.move(number, endpoint)
            load.until_made_by(number, 50)
    finally:
        load.end()
    versions.check(load)
    assert {made for _, made in load.answers} == {1, *changes}


def test_what_runs_and_what_waits_over_a_change_is_made_by_its_own_version(
    make: Maker, versions: Versions, tmp_path: Path
) -> None:
    endpoint = make.endpoint(pipeline=versions.name)
    versions.move(1, endpoint)
    place = tmp_path / "place"
    body = {"n": 1, "place": str(place)}
    with ThreadPoolExecutor(8) as threads:
        # Two for the only pod, one of which waits in its queue; the others wait in the database.
        held = [threads.submit(endpoint.post, body) for _ in range(2)]
        wait_until(lambda: running_and_waiting(make, endpoint) == (1, 1), what="one waits")
        later = [endpoint.post(body, headers={"Prefer": "respond-async"}).json() for _ in range(5)]
        versions.move(2, endpoint)
        wait_until(lambda: shown(make, endpoint)["rollout"] is None, what="others take over")
        assert endpoint.post({"n": 1}).json()["outputs"]["made"] == 2
        place.touch()
        assert [each.result(60).json()["outputs"]["made"] for each in held] == [1, 1]
    for each in later:
        answer = endpoint.http.get(each["results_url"], follow_redirects=True)
        assert answer.headers["headrace-version"] == "1"
        assert answer.json()["outputs"]["made"] == 1
        assert make.execution(each["execution_id"])["status"] == "Succeeded"


def test_every_way_to_call_says_the_version(make: Maker, versions: Versions) -> None:
    """The short way and the long one, recorded first, streamed, at once, with a client, elastic."""
    warm, elastic = (
        make.endpoint(pipeline=versions.name, mode=mode) for mode in ("low_latency", "elastic")
    )
    versions.move(3, warm)
    wait_until(lambda: shown(make, warm)["rollout"] is None, what="version 3 answers")
    ways = [
        {},
        {"Prefer": "wait=20"},
        {"Idempotency-Key": "a"},
        {"Accept": "text/event-stream"},
        {"Prefer": "respond-async"},
        {"craft-ai-client": "craft-ai-sdk@0.74.7"},
    ]
    for endpoint in (warm, elastic):
        for more in ways:
            answer = endpoint.post({"n": 1}, headers=more)
            assert answer.headers["headrace-version"] == "3", more
        late = endpoint.post({"n": 1}, headers={"Prefer": "respond-async"})
        found = endpoint.http.get(late.headers["location"], follow_redirects=True)
        assert found.headers["headrace-version"] == "3"
        # A key of an earlier call is answered with the version of that.
        versions.move(4, endpoint)
        wait_until(lambda: not shown(make, warm)["rollout"], what="version 4 answers")
        again = endpoint.post({"n": 1}, headers={"Idempotency-Key": "a", "Prefer": "respond-async"})
        assert again.headers["headrace-version"] == "3"
        versions.move(3, endpoint)
        wait_until(lambda: not shown(make, warm)["rollout"], what="version 3 answers again")
        failed = endpoint.post({"n": -1})
        assert failed.status_code == 500
        assert failed.headers["headrace-version"] == "3"
        assert failed.json()["additional_data"]["pipeline_version"] == 3


def shown(make: Maker, endpoint: Endpoint) -> Any:
    return make.sdk.get_deployment(endpoint.name)


def running_and_waiting(make: Maker, endpoint: Endpoint) -> tuple[int, int]:
    found = shown(make, endpoint)
    return found["running"], found["waiting"]
