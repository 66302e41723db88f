"""What is let go of old versions, and what is left of a pipeline that is deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import RunningServer, wait_until
from tests.versions.conftest import Loop

from headrace import Conflict, HeadraceSdk, NotFound

pytestmark = pytest.mark.system


def test_old_versions_can_be_seen_and_not_run(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server(HEADRACE_KEEP_VERSIONS="1")
    loop = Loop(HeadraceSdk(server.token, server.url), "kept", tmp_path / "code", server.url)
    loop.folder.mkdir()
    for number in (1, 2, 3):
        loop.deploy(number)
    pinned = loop.endpoint(pipeline_version=2)
    ran = loop.sdk.run_pipeline(loop.name, {"x": 1})["execution_id"]
    # It collects when it starts.
    assert server.stop() == 0
    server.start()
    sdk = loop.sdk = HeadraceSdk(server.token, server.url)
    wait_until(lambda: sdk.get_pipeline_version(loop.name, 1)["discarded_at"])
    kept = [v["version"] for v in sdk.list_pipeline_versions(loop.name) if not v["discarded_at"]]
    assert kept == [3, 2]
    for going_back in (
        lambda: sdk.rollback_pipeline(loop.name, 1),
        lambda: sdk.create_deployment(loop.name, "another", "endpoint", pipeline_version=1),
        lambda: sdk.update_deployment(pinned.__name__, pipeline_version=1),
    ):
        with pytest.raises(Conflict, match="Version 1 of pipeline 'kept' is kept no longer"):
            going_back()
    assert pinned(x=0).json()["outputs"] == {"y": 2}
    assert sdk.get_pipeline_execution(ran)["pipeline_version"]["version"] == 3
    assert sdk.rollback_pipeline(loop.name)["version"] == 2

    builds = server.data_dir / "logs" / "builds"
    assert len(list(builds.rglob("*.log"))) == 3
    sdk.delete_pipeline(loop.name, force_deployments_deletion=True)
    assert list(builds.rglob("*.log")) == []
    with pytest.raises(NotFound):
        sdk.list_pipeline_versions(loop.name)
