"""What a fire time does to an execution of its deployment that has not ended, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import RunningServer, wait_until
from tests.overdue import early_in_a_minute, make_overdue
from tests.system.told_pipelines import Told, is_alive, make_pipelines

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def told(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("overlaps")
    found = Told(server, folder / "marks")
    make_pipelines(found.sdk, folder / "code")
    (folder / "code" / "nothing.py").write_text("def nothing():\n    pass\n")
    found.sdk.create_pipeline(
        "nothing", "nothing.py", "nothing", container_config={"local_folder": str(folder / "code")}
    )
    yield found
    for name in ("told", "resist", "nothing"):
        found.sdk.delete_pipeline(name, force_deployments_deletion=True)


@pytest.fixture
def fire(told: Told) -> Callable[..., list[str]]:
    """Makes a deployment of a policy, starts an execution of it, and lets fire times come."""

    def make(name: str, overlap: str, count: int) -> list[str]:
        early_in_a_minute()
        told.periodic(name, overlap=overlap, missed="all")
        told.sdk.trigger_endpoint(name, wait_for_completion=False)
        told.begun(name)
        return make_overdue(told.server, told.sdk, name, "nothing", count)

    return make


def executions(told: Told, name: str) -> list[dict[str, Any]]:
    """The executions of a deployment, oldest first."""
    found = told.sdk.list_executions(limit=1000)["items"]
    return [item for item in reversed(found) if item["deployment_name"] == name]


def statuses(told: Told, name: str) -> list[str]:
    return [execution["status"] for execution in executions(told, name)]


def finish(told: Told, name: str, count: int) -> None:
    """Let all that begin end, until so many have."""
    for number in range(1, count + 1):
        told.begun(name, number)
        told.go(name, told.pids(name)[number - 1][0])
    wait_until(lambda: statuses(told, name).count("Succeeded") == count, what="all succeed")


def test_in_parallel(told: Told, fire: Any) -> None:
    assert fire("parallel", "parallel", 2) == ["caught_up", "ran"]
    told.begun("parallel", 3)
    assert statuses(told, "parallel") == ["Running"] * 3
    finish(told, "parallel", 3)


def test_skipped(told: Told, fire: Any) -> None:
    assert fire("skipping", "skip", 2) == ["overlapped"] * 2
    assert statuses(told, "skipping") == ["Running"]
    finish(told, "skipping", 1)


def test_one_queued(told: Told, fire: Any) -> None:
    """It starts when the one before it has ended, and the next one finds a place taken."""
    assert fire("queueing", "queue_one", 2) == ["caught_up", "overlapped"]
    # Something that came later has started: it is not for want of a slot that it waits.
    other = told.run("other")
    told.go("other", told.begun("other")[0])
    told.ended(other)
    assert statuses(told, "queueing") == ["Running", "Pending"]
    finish(told, "queueing", 2)
    first, second = executions(told, "queueing")
    assert first["end_date"] <= second["start_date"]


def test_the_running_one_cancelled(told: Told, fire: Any) -> None:
    assert fire("cancelling", "cancel_running", 2) == ["caught_up", "ran"]
    told.begun("cancelling", 2)
    (first, _), _ = told.pids("cancelling")
    assert not is_alive(first)
    assert statuses(told, "cancelling") == ["Failed", "Failed", "Running"]
    cancelled, superseded, running = executions(told, "cancelling")
    assert {item["failure"]["kind"] for item in (cancelled, superseded)} == {"cancelled"}
    assert "next fire time" in cancelled["failure"]["message"]
    # The second was superseded before it could start.
    assert superseded["start_date"] is None
    assert cancelled["end_date"] <= running["start_date"]
    told.go("cancelling", told.pids("cancelling")[1][0])
    told.ended(running["execution_id"])
