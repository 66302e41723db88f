"""Who reads the life of a plain call opens so many files of the server, and is told which."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.conftest import RunningServer
from tests.records import ON_POSTGRES
from tests.warm import Endpoint, maker

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(ON_POSTGRES, reason="the files of the journal are counted"),
]

TRACED = Path(__file__).with_name("traced_server.py")
GUIDE = Path(__file__).parents[2] / "docs" / "reading-the-code.md"

MOST_FILES = 31
"""It may only fall. Files that a connection begins with count, and words of core and wire."""

ENOUGH = 3
PATIENCE_S = 30


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "calls.txt"


@pytest.fixture
def traced(tmp_path: Path, report: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data", {"TRACED_CALLS": str(report)})
    yield running.start([sys.executable, TRACED])
    running.stop()


def call(endpoint: Endpoint) -> None:
    """Make a call on a connection of its own, so that its head is read as well."""
    headers = {"Authorization": f"EndpointToken {endpoint.token}"}
    body = {"number1": 20, "number2": 22}
    answer = httpx.post(endpoint.url, json=body, headers=headers, timeout=30)
    assert answer.json()["outputs"] == {"number3": 42}


def files_of_each(report: Path) -> set[str]:
    """The files that all calls entered; what some entered the server did besides, or was late."""
    calls = report.read_text().splitlines() if report.exists() else []
    return set.intersection(*(set(line.split()) for line in calls)) if calls else set()


def test_a_plain_call_enters_few_files_which_the_guide_names(
    traced: RunningServer, tmp_path: Path, report: Path
) -> None:
    with maker(traced, tmp_path) as make:
        endpoint = make.endpoint("add")
        # By the first the server gets to know the endpoint.
        call(endpoint)
        report.unlink(missing_ok=True)
        for _ in range(ENOUGH):
            call(endpoint)
        deadline = time.monotonic() + PATIENCE_S
        # One that takes long, on a machine that is busy, is put on record twice.
        while len(files_of_each(report)) > MOST_FILES and time.monotonic() < deadline:
            call(endpoint)
    files = files_of_each(report)
    assert "serving/calls.py" in files
    assert len(files) <= MOST_FILES, sorted(files)
    text = GUIDE.read_text()
    assert {file for file in files if f"`{file}`" not in text} == set(), f"not in {GUIDE.name}"
